// Free ports on 127.0.0.1. Opens and closes listening sockets.
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import type { Ports } from "./configuration.ts";

/**
 * Below the range from which systems give out ports for outgoing connections (32768 and up on Linux): there, whatever
 * connects while the cluster is down could sit on its port when it comes back.
 */
const LOWEST = 20_000;
const HIGHEST = 32_767;

/** The port of last time where it is still free, else a new one. */
export async function choosePort(last: number | undefined): Promise<number> {
  let chosen = last === undefined ? undefined : await listenOnce(last);
  while (chosen === undefined) chosen = await listenOnce(randomInt(LOWEST, HIGHEST + 1));
  return chosen;
}

/** The ports of last time where they are still free (a kubeconfig that was copied goes on working), else new ones. */
export async function choosePorts(last: Ports | undefined): Promise<Ports> {
  const taken = new Set<number>();
  const choose = async (port: number | undefined): Promise<number> => {
    let chosen = port !== undefined && !taken.has(port) ? await listenOnce(port) : undefined;
    while (chosen === undefined || taken.has(chosen))
      chosen = await listenOnce(randomInt(LOWEST, HIGHEST + 1));
    taken.add(chosen);
    return chosen;
  };
  return {
    etcd: await choose(last?.etcd),
    apiServer: await choose(last?.apiServer),
    controllerManager: await choose(last?.controllerManager),
  };
}

function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : undefined));
    });
  });
}
