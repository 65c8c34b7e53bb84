import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf, packArchive, unpackArchive } from "../../builders/artifact-archive.ts";
import { temporaryCache, writeFiles } from "./support.ts";

const place = temporaryCache();
const tar = (...args: string[]) => execFileSync("tar", args, { cwd: place.folder, encoding: "utf8" });

describe("the archive of an artefact", () => {
  it("is unpacked to what was packed, whatever it is", () => {
    const path = fc.stringMatching(/^[a-z]{1,8}(\/[a-z.]{1,8}x){0,3}$/);
    const files = fc.uniqueArray(fc.tuple(path, fc.uint8Array({ maxLength: 2000 })), {
      minLength: 1,
      selector: ([name]) => name,
    });
    fc.assert(
      fc.property(files, (entries) => {
        const archive = packArchive(new Map(entries));
        const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
        expect([...unpackArchive(archive)].map(([name, bytes]) => [name, [...bytes]])).toEqual(
          sorted.map(([name, bytes]) => [name, [...bytes]]),
        );
        expect(digestOf(packArchive(new Map(sorted)))).toBe(digestOf(archive));
      }),
      { numRuns: 200 },
    );
  });

  it("has one digest for ever: format and its digest are pinned", () => {
    const archive = packArchive(new Map([["a/b.bin", Buffer.from("hello")]]));
    expect(archive).toHaveLength(2048);
    expect(digestOf(archive)).toBe("sha256:022a6c16709a24b5d911a185be86bb850e934c196f0494109bba4908613064ad");
  });

  it("is read by the system's tar, with mode, owner and time that say nothing of this machine", async () => {
    await writeFile(join(place.folder, "a.tar"), packArchive(new Map([["x/y.bin", Buffer.from("hello")]])));
    expect(tar("--numeric-owner", "--utc", "-tvf", "a.tar")).toMatch(
      /^-rw-r--r-- 0\/0 +5 1970-01-01 00:00 x\/y.bin\n$/,
    );
    tar("-xf", "a.tar");
    expect(await readFile(join(place.folder, "x/y.bin"), "utf8")).toBe("hello");
  });

  it("of the system's tar is read too, with folders and ./", async () => {
    await writeFiles(join(place.folder, "in"), { "a.bin": "1", "b/c.bin": "2" });
    tar("-cf", "b.tar", "-C", "in", ".");
    const files = unpackArchive(await readFile(join(place.folder, "b.tar")));
    expect(
      Object.fromEntries([...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString()])),
    ).toEqual({
      "a.bin": "1",
      "b/c.bin": "2",
    });
  });

  it("that leads out of its folder, or has links or devices in it, is refused", async () => {
    await writeFiles(join(place.folder, "in"), { a: "1" });
    tar("-cPf", "up.tar", "--transform", "s,^,../../,", "-C", "in", "a");
    tar("-cPf", "root.tar", "--transform", "s,^,/etc/,", "-C", "in", "a");
    execFileSync("ln", ["-s", "/etc/passwd", join(place.folder, "in/link")]);
    execFileSync("ln", [join(place.folder, "in/a"), join(place.folder, "in/hard")]);
    execFileSync("mkfifo", [join(place.folder, "in/pipe")]);
    tar("-cf", "odd.tar", "-C", "in", "a", "hard", "link", "pipe");
    const unpack = async (name: string) => unpackArchive(await readFile(join(place.folder, name)), name);
    await expect(unpack("up.tar")).rejects.toThrow("leads out of it");
    await expect(unpack("root.tar")).rejects.toThrow("leads out of it");
    await expect(unpack("odd.tar")).rejects.toThrow(
      /"hard" is a Link.*"link" is a SymbolicLink.*"pipe" is a FIFO/,
    );
  });

  it("that is cut off or damaged is refused", () => {
    const archive = packArchive(new Map([["a", Buffer.alloc(3000, 1)]]));
    expect(() => unpackArchive(archive.subarray(0, 2000))).toThrow("cannot be used");
    const damaged = archive.slice();
    damaged[0]! ^= 1;
    expect(() => unpackArchive(damaged)).toThrow("cannot be used");
  });

  it("takes no path that is too long for its header", () => {
    expect(() => packArchive(new Map([["x".repeat(101), new Uint8Array()]]))).toThrow(
      "longer than 100 bytes",
    );
  });
});
