// Where a project keeps its own broker. Touches nothing.
import { join } from "node:path";

export interface BrokerPaths {
  folder: string;
  /** Certificate of the authority that signed the server's; public. */
  ca: string;
  certificate: string;
  key: string;
  passwordfile: string;
  aclfile: string;
  config: string;
  /** Which process runs, on which port. */
  state: string;
  lock: string;
  log: string;
}

export function brokerPaths(projectFolder: string): BrokerPaths {
  const folder = join(projectFolder, ".edgeflock", "broker");
  return brokerFiles(folder);
}

export function brokerFiles(folder: string): BrokerPaths {
  return {
    folder,
    ca: join(folder, "ca.crt"),
    certificate: join(folder, "server.crt"),
    key: join(folder, "server.key"),
    passwordfile: join(folder, "passwordfile"),
    aclfile: join(folder, "aclfile"),
    config: join(folder, "mosquitto.conf"),
    state: join(folder, "broker.json"),
    lock: join(folder, "broker"),
    log: join(folder, "broker.log"),
  };
}
