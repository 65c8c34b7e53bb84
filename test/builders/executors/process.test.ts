import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { ExecutorJob } from "../../../builders/contract.ts";
import { ProcessExecutor } from "../../../builders/executors/process.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import { smallDisk, temporaryCache, workFolder, writeFiles } from "../support.ts";

const place = temporaryCache();

async function run(script: string, options: Partial<ExecutorJob> & { signal?: AbortSignal } = {}) {
  const { signal, ...job } = options;
  const work = job.work ?? (await workFolder());
  const notes: string[] = [];
  const progress = {
    step: <T>(_: string, body: (step: { note(text: string): void }) => Promise<T>) =>
      body({ note: (text) => void notes.push(text) }),
    say() {},
  };
  let error: VisibleError | undefined;
  try {
    await new ProcessExecutor({ grace: 300 }).run(
      {
        name: 'firmware builder "test"',
        command: ["sh", "-c", script],
        environment: {},
        timeLimit: 20_000,
        masked: [],
        work,
        ...job,
      },
      { progress, signal },
    );
  } catch (caught) {
    if (!(caught instanceof VisibleError)) throw caught;
    error = caught;
  }
  const output = existsSync(work.output) ? await readdir(work.output) : [];
  const logFolder = join(place.cache, "logs");
  const logs = existsSync(logFolder) ? await readdir(logFolder) : [];
  const log = logs[0] === undefined ? "" : await readFile(join(logFolder, logs[0]), "utf8");
  await work.remove();
  return { error, notes, output, log, logFile: join(logFolder, logs[0] ?? ""), work };
}

/** Whether the process of that id still runs; one that ended but was not yet waited for does not count. */
async function runs(pid: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid.trim()}/stat`, "utf8").catch(() => "");
  return status !== "" && !/\) [ZX] /.test(status);
}

describe("the process executor", () => {
  it("runs a builder in its work folder and shows what it says, line by line", async () => {
    const { error, notes, output, log } = await run(
      "echo one; echo two >&2; cp input/args.json output/x; printf three",
    );
    expect(error).toBeUndefined();
    expect(log.trim().split("\n").toSorted()).toEqual(["one", "three", "two"]);
    expect(["one", "three", "two"]).toContain(notes[0]);
    expect(output).toEqual(["x"]);
  });

  it("gives it an allow-listed environment, without PULUMI_CONFIG", async () => {
    process.env.PULUMI_CONFIG = '{"wifi":"hunter2"}';
    try {
      const { log } = await run("env", { environment: { IDF_PATH: "/idf" } });
      expect(log).toContain("IDF_PATH=/idf");
      expect(log).not.toMatch(/PULUMI|hunter2/);
      const names = log.split("\n").map((line) => line.split("=")[0]);
      const shell = ["PWD", "OLDPWD", "SHLVL", "_", ""];
      const known = [
        "PATH",
        "HOME",
        "USER",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
      ];
      const own = ["TMPDIR", "SOURCE_DATE_EPOCH", "IDF_PATH", "EDGEFLOCK_BUILD"];
      expect(names.filter((name) => ![...shell, ...known, ...own].includes(name!))).toEqual([]);
    } finally {
      delete process.env.PULUMI_CONFIG;
    }
  });

  it("reports a failure with its exit code, the last 40 lines and the path of the whole log", async () => {
    const { error, log, logFile } = await run("for n in $(seq 1 100); do echo line-$n-; done; exit 7");
    expect(error?.message).toContain('firmware builder "test" failed with exit code 7.');
    expect(error?.message).toContain("line-61-");
    expect(error?.message).not.toContain("line-60-");
    expect(error?.message).toContain(logFile);
    expect(log.split("\n")).toHaveLength(101);
    expect((await stat(logFile)).mode & 0o777).toBe(0o600);
  });

  it("says which signal ended a builder", async () => {
    const { error } = await run("kill -9 $$");
    expect(error?.message).toContain("was ended by SIGKILL");
    expect(error?.hint).toContain("memory");
  });

  it("says when the builder's command is missing, or is no program", async () => {
    const missing = await run("", { command: ["no-such-program-anywhere"] });
    expect(missing.error?.message).toContain('its command "no-such-program-anywhere" was not found');
    const folder = await writeFiles(place.folder, { "notes.txt": "hello" });
    const text = await run("", { command: [join(folder, "notes.txt")] });
    expect(text.error?.message).toContain("is not executable");
  });

  it("names a full disk as the cause", async () => {
    const { error } = await run("echo 'cc1plus: No space left on device'; exit 1");
    expect(error?.message).toMatch(/no space left/i);
    expect(error?.hint).toContain("EDGEFLOCK_CACHE");
  });

  it("stops a builder that fills the disk, before nothing else of this machine can write", async (context) => {
    await using disk = await smallDisk(place.folder);
    if (!disk) return context.skip("only root can mount a small disk");
    process.env.EDGEFLOCK_CACHE = disk.folder;
    const { error } = await run("echo writing; head -c 50000000 /dev/zero > output/large; sleep 60");
    expect(error?.message).toMatch(/filled the disk and was stopped\.\n {2}writing/);
    expect(error?.hint).toContain("make room on the disk");
  });

  it("stops a builder that hangs, ignores SIGTERM, and has children that do", async () => {
    const work = await workFolder();
    const script = `trap '' TERM; sh -c 'trap "" TERM; echo $$ > output/child; while :; do sleep 1; done' &
      echo started; while :; do sleep 1; done`;
    const running = run(script, { work, timeLimit: 1500 });
    let child = "";
    while (child.trim() === "") {
      child = await readFile(join(work.output, "child"), "utf8").catch(() => "");
      await sleep(20);
    }
    const { error } = await running;
    expect(error?.message).toContain("did not end within 1.5 s and was stopped");
    expect(error?.message).toContain("started");
    expect(await runs(child)).toBe(false);
  });

  it("is cancelled by its signal, and leaves nothing running", async () => {
    const controller = new AbortController();
    const work = await workFolder();
    const running = run("echo $$ > output/pid; sleep 1000", { work, signal: controller.signal });
    let pid = "";
    while (pid.trim() === "") {
      pid = await readFile(join(work.output, "pid"), "utf8").catch(() => "");
      await sleep(20);
    }
    controller.abort();
    const { error } = await running;
    expect(error?.message).toContain("was stopped before it was done");
    expect(error?.exitCode).toBe(130);
    expect(await runs(pid)).toBe(false);
  });

  it("does not start a builder that is cancelled already", async () => {
    const { error, log } = await run("echo ran", { signal: AbortSignal.abort() });
    expect(error?.exitCode).toBe(130);
    expect(log).toBe("");
  });

  it("ends what a builder left in the background, even in a session of its own", async () => {
    const work = await workFolder();
    const daemon = `setsid sh -c 'echo $$ > output/daemon; exec sleep 1000' &`;
    const script = `${daemon} sleep 1000 & echo $! > output/job; while [ ! -s output/daemon ]; do sleep 0.02; done`;
    const copied: string[] = [];
    const remove = work.remove.bind(work);
    work.remove = async () => {
      for (const name of ["job", "daemon"]) copied.push(await readFile(join(work.output, name), "utf8"));
      await remove();
    };
    const { error } = await run(script, { work });
    expect(error).toBeUndefined();
    expect(copied).toHaveLength(2);
    for (const pid of copied) expect(await runs(pid)).toBe(false);
  });

  it("ends a builder that goes on forking, each time in a session of its own", async () => {
    const hops = join(place.folder, "hops");
    // outlives the work folder, but not the test by long
    const hop = `echo x >>"${hops}"; [ $1 -gt 5000 ] || setsid sh "$0" $(($1 + 1)) & exit`;
    await writeFiles(place.folder, { hop });
    const { error } = await run(`for n in 1 2 3 4 5 6; do sh "${place.folder}/hop" 0; done; sleep 0.2`);
    expect(error).toBeUndefined();
    const before = (await stat(hops)).size;
    expect(before).toBeGreaterThan(20);
    await sleep(300);
    expect((await stat(hops)).size).toBe(before);
  });

  it("masks secrets in output, error and log: whole, by line, encoded, and across cuts", async () => {
    const secret = 's3cr"et+v/alue';
    const pem = "-----BEGIN X-----\nMIIabcdef\n-----END X-----";
    const work = await workFolder({ secrets: { "wifi.password": secret, pem } });
    const long = `printf '%016380d' 0; cat input/secrets/wifi.password; printf '%040000d' 0; echo`;
    const encoded = `base64 -w0 < input/secrets/wifi.password; echo; od -An -tx1 input/secrets/wifi.password | tr -d ' '`;
    const colour = `printf 's3cr\\033[31m"et+v/alue\\n'`;
    const script = `cat input/secrets/wifi.password; echo; cat input/secrets/pem; echo; ${encoded}; ${colour}; ${long}; exit 1`;
    const { error, log, notes } = await run(script, { work, masked: [secret, pem] });
    for (const text of [error!.message, log, notes.join("\n")]) {
      expect(text).not.toContain("s3cr");
      expect(text).not.toContain("MIIabcdef");
      expect(text).not.toContain(Buffer.from(secret).toString("base64"));
      expect(text).not.toContain(Buffer.from(secret).toString("hex"));
    }
    expect(log).toContain("•••");
  });

  it("keeps control characters of a builder away from the terminal", async () => {
    const { log } = await run(`printf 'a\\033[2Jb\\007c\\n'; printf '10%%\\r20%%\\r30%%\\n'`);
    expect(log).toBe("abc\n10%\n20%\n30%\n");
  });

  it("bears a builder that talks without end", async () => {
    const { error, logFile } = await run("yes 0123456789012345678901234567890123456789 | head -c 40000000");
    expect(error).toBeUndefined();
    expect((await stat(logFile)).size).toBeLessThan(40 * 1024 * 1024);
    expect(await readFile(logFile, "utf8")).toContain("the log ends here");
  });

  it("refuses output that leads out of output/, and what is no file", async () => {
    const { error } = await run(
      "ln -s /etc/passwd output/a; ln -s ../input/args.json output/b; mkfifo output/c; ln -s gone output/d",
    );
    expect(error?.message).toContain("a is a link that leads out");
    expect(error?.message).toContain("b is a link that leads out");
    expect(error?.message).toContain("c is neither a file nor a folder");
    expect(error?.message).toContain("d is a link to nothing");
  });

  it("accepts links inside output/", async () => {
    const { error } = await run("echo x > output/a; ln -s a output/b");
    expect(error).toBeUndefined();
  });

  it("says when a builder wrote beside output/ or into its sources", async () => {
    const stray = await run("echo x > stray; echo x > input/stray");
    expect(stray.error?.message).toContain("wrote outside of output/: input/stray, stray");
    const source = await writeFiles(join(place.folder, "source"), { "main.c": "int x;" });
    const work = await workFolder({ source });
    const changed = await run("chmod u+w input/source input/source/main.c; echo >> input/source/main.c", {
      work,
    });
    expect(changed.error?.message).toContain("changed its sources");
    expect(await readFile(join(source, "main.c"), "utf8")).toBe("int x;");
  });

  it("keeps the last twenty logs or so, not all", async () => {
    const logs = join(place.cache, "logs");
    await mkdir(logs, { recursive: true });
    const old = new Date(Date.now() - 24 * 3600_000);
    const { utimes } = await import("node:fs/promises");
    for (let n = 10; n < 50; n++) {
      await writeFiles(logs, { [`2020-01-01-${n}.log`]: "" });
      await utimes(join(logs, `2020-01-01-${n}.log`), old, old);
    }
    await symlink("/etc/passwd", join(logs, "link"));
    await run("true");
    const left = (await readdir(logs)).filter((name) => name.endsWith(".log"));
    expect(left).toHaveLength(20);
    expect(left).toContain("2020-01-01-49.log");
  });
});
