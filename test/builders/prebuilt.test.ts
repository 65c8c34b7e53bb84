import { execFileSync } from "node:child_process";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildFirmware, planFirmware } from "../../builders/build-firmware.ts";
import { digestOfPrebuilt } from "../../builders/prebuilt/builder.ts";
import { request, soundFirmware, temporaryCache, writeFiles } from "./support.ts";

const place = temporaryCache();
const asked = (path: string, digest?: string) =>
  request(place.folder, { name: "prebuilt", args: { path, ...(digest !== undefined && { digest }) } });
const digestOf = (path: string) => digestOfPrebuilt(join(place.folder, path));
const tar = (...args: string[]) => execFileSync("tar", args, { cwd: place.folder });

describe("prebuilt firmware", () => {
  it("is taken from a folder by its digest", async () => {
    await writeFiles(join(place.folder, "release"), {
      ...soundFirmware("3.1"),
      "README.md": "not part of it",
    });
    const { artifact } = await buildFirmware(asked("release", await digestOf("release")));
    expect(artifact.version).toBe("3.1");
    expect(artifact.files.map(({ path }) => path)).toEqual(["partition-table.bin", "app.bin"]);
  });

  it.each([
    ["tar", []],
    ["tar.gz", ["-z"]],
    ["tar.zst", ["--zstd"]],
  ])("is taken from a .%s, in a folder of its own or not", async (name, options) => {
    await writeFiles(join(place.folder, "release-1.2"), soundFirmware("3.1"));
    tar(...options, "-cf", `inside.${name}`, "release-1.2");
    tar(...options, "-cf", `top.${name}`, "-C", "release-1.2", ".");
    const digests = [];
    for (const path of [`inside.${name}`, `top.${name}`]) {
      digests.push((await buildFirmware(asked(path, await digestOf(path)))).artifact.digest);
    }
    expect(digests[0]).toBe(digests[1]);
  });

  it("with another digest, or without one, is refused; the error says which it is", async () => {
    await writeFiles(join(place.folder, "release"), soundFirmware());
    const actual = await digestOf("release");
    const wrong = `sha256:${"0".repeat(64)}`;
    await expect(planFirmware(asked("release", wrong))).rejects.toThrow(`its digest is ${actual}`);
    await expect(planFirmware(asked("release"))).rejects.toMatchObject({
      hint: expect.stringContaining(actual),
    });
    await expect(planFirmware(asked("release", "sha256:abc"))).rejects.toThrow('must be "sha256:"');
  });

  it("of an archive has the digest that sha256sum prints", async () => {
    await writeFiles(join(place.folder, "release"), soundFirmware());
    tar("-cf", "a.tar", "release");
    const printed = execFileSync("sha256sum", [join(place.folder, "a.tar")], { encoding: "utf8" }).slice(
      0,
      64,
    );
    expect(await digestOf("a.tar")).toBe(`sha256:${printed}`);
  });

  it("that leads out of its folder is refused", async () => {
    await writeFiles(join(place.folder, "release"), soundFirmware());
    tar("-cPf", "up.tar", "--transform", "s,release/app.bin,../../app.bin,", "release/app.bin");
    await expect(buildFirmware(asked("up.tar", await digestOf("up.tar")))).rejects.toThrow("leads out of it");
    await symlink("/etc/passwd", join(place.folder, "release", "x.bin"));
    await expect(planFirmware(asked("release", `sha256:${"0".repeat(64)}`))).rejects.toThrow("leads out");
  });

  it("without flasher_args.json, that is no archive, or that is not there, is refused", async () => {
    await mkdir(join(place.folder, "empty"));
    await expect(buildFirmware(asked("empty", await digestOf("empty")))).rejects.toThrow(
      "has no flasher_args.json",
    );
    await writeFiles(place.folder, { "a.zip": "PK" });
    await expect(buildFirmware(asked("a.zip", await digestOf("a.zip")))).rejects.toThrow(
      "is no .tar, .tar.gz or .tar.zst",
    );
    await writeFiles(place.folder, { "b.tar.gz": Buffer.from("1f8b080000", "hex") });
    await expect(buildFirmware(asked("b.tar.gz", await digestOf("b.tar.gz")))).rejects.toThrow(
      "cannot be unpacked",
    );
    await expect(planFirmware(asked("gone", `sha256:${"0".repeat(64)}`))).rejects.toThrow("does not exist");
  });
});
