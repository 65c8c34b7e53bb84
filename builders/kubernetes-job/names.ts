// Names of the objects of a builder's Job. Pure.
import { createHash, randomBytes } from "node:crypto";

const CONFIG = "config-";

export const jobObjectNames = (job: string) => ({
  input: `${job}-input`,
  grant: `${job}-grant`,
  /** ServiceAccount, Role and RoleBinding of the upload. */
  upload: `${job}-upload`,
  network: job,
  source: (index: number) => `${job}-source-${index}`,
  output: (index: number) => `${job}-output-${index}`,
});

export type JobObjectNames = ReturnType<typeof jobObjectNames>;

/** Nobody else can want the images of these devices: whoever does not know the name cannot take them. */
export function configJobName(): string {
  return `${CONFIG}${randomBytes(8).toString("hex")}`;
}

export function isConfigJob(name: string): boolean {
  return name.startsWith(CONFIG);
}

/** One build, one name, whoever asks for it. */
export function firmwareJobName(contentHash: string): string {
  return `firmware-${contentHash.slice(0, 24)}`;
}

/** One for each place that results are sent to: whoever waits for it fetches them there. */
export function nameForStore(build: string, uploadUrl: string): string {
  const { origin, pathname } = new URL(uploadUrl);
  return `${build}-${createHash("sha256")
    .update(origin + pathname)
    .digest("hex")
    .slice(0, 8)}`;
}
