// A base for images, made of Debian's packages from the mirror that this machine uses: images cannot be pulled
// everywhere. Needs podman and debootstrap, as root. EDGEFLOCK_TEST_BASE names an image that is there, to save the time.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findContainerEngine } from "../../../../toolchain/container-engine.ts";

/** What makes and runs the images; undefined where no base can be made. */
export const baseEngine = await (async () => {
  const engine = await findContainerEngine().catch(() => undefined);
  const has = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
  const able = engine?.kind === "podman" && process.getuid?.() === 0 && has("debootstrap") && has("apt-get");
  return able ? engine : undefined;
})();

export interface Base extends AsyncDisposable {
  image: string;
}

export async function debianBase(packages: readonly string[]): Promise<Base> {
  const given = process.env.EDGEFLOCK_TEST_BASE;
  if (given) return { image: given, async [Symbol.asyncDispose]() {} };
  const image = await makeBase(packages);
  return {
    image,
    async [Symbol.asyncDispose]() {
      removeImages([image]);
    },
  };
}

/** The newest first: none goes while another is made of it. */
export function removeImages(images: readonly string[]): void {
  for (const image of images.toReversed()) spawnSync(baseEngine!.command, ["rmi", "--force", image]);
}

async function makeBase(packages: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "edgeflock-base-"));
  const words = ["indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"];
  const targets = execFileSync("apt-get", words, { encoding: "utf8" }).trim().split("\n");
  const [mirror, release] = targets
    .map((line) => line.split(" "))
    .find(([, name]) => /^[a-z]+$/.test(name ?? ""))!;
  try {
    const root = join(folder, "root");
    const arguments_ = ["--variant=minbase", `--include=${packages.join()}`, release!, root, mirror!];
    execFileSync("debootstrap", arguments_, { stdio: "ignore" });
    execFileSync("tar", ["--create", "--file", join(folder, "base.tar"), "--directory", root, "."]);
    const id = execFileSync(baseEngine!.command, ["import", "--quiet", join(folder, "base.tar")], {
      encoding: "utf8",
    });
    return id.trim().split("\n").at(-1)!;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
