// A class whose devices' configuration images are made by a program of the project: through a real engine, into real
// Secrets.
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeNvs } from "../../builders/nvs/decode.ts";
import { cluster, device, deviceClass, group } from "./manifests.ts";
import { CHECKOUT, TestProject } from "./test-project.ts";

/** Makes the image with the Node that runs this, then says in the CSV what made it. */
const MAKE = `#!/bin/sh
set -e
"${process.execPath}" "${join(CHECKOUT, "builders/nvs/build.ts")}"
echo "# FIRST $(tr -d ' \\n' <input/args.json)" >>output/config.csv
`;
const PASSWORD = "hunter2-of-the-north";

describe("a class with a builder of configuration images of its own", () => {
  let project: TestProject;
  const csvOf = async (name: string) =>
    (await project.secret(project.id, `${name}-device`))!["config.csv"]!.toString();
  const fleet = (builder: object = {}) => [
    cluster(project.id),
    deviceClass("own", {
      config: { builder: { name: "command", source: "images", command: ["./make.sh"], ...builder } },
    }),
    deviceClass("node"),
    group("north", "north", { secrets: { "wifi.password": { fromEnv: "WIFI" } } }),
    ...["a", "b"].map((name) => device(name, "north", {}, "own")),
    device("c", "north"),
  ];
  const changed = async () => (await project.preview()).map(({ urn }) => urn.split("/").at(-1)).sort();
  const writeProgram = async (text: string) => {
    await project.write("images/make.sh", text);
    await chmod(join(project.folder, "images/make.sh"), 0o755);
  };

  beforeAll(async () => {
    project = await TestProject.create();
    Object.assign(project.variables, { WIFI: PASSWORD, EDGEFLOCK_CACHE: join(project.folder, "cache") });
    await writeProgram(MAKE);
    await project.manifests(fleet());
    await project.up();
  });
  afterAll(() => project?.[Symbol.asyncDispose]());

  it("gets each device's image from it, with the device's own credentials and secrets", async () => {
    const secret = (await project.secret(project.id, "a-device"))!;
    const values = Object.fromEntries(
      decodeNvs(secret["config.bin"]!).entries.map(({ namespace, key, value }) => [
        `${namespace}/${key}`,
        value,
      ]),
    );
    expect(values).toMatchObject({
      ...{ "edgeflock/device": "a", "edgeflock/class": "own", "wifi/password": PASSWORD },
      "mqtt/password": secret.MQTT_PASSWORD!.toString(),
    });
    expect(await csvOf("b")).toContain("# FIRST {}");
    expect(await csvOf("c")).not.toContain("# FIRST");
  });

  it("changes nothing when nothing changed, nor when it may only take longer", async () => {
    expect(await project.up()).toEqual({});
    await project.manifests(fleet({ timeLimitMinutes: 7 }));
    expect(await changed()).toEqual([]);
  });

  it("makes the images of its own devices anew when the program changes, and the preview says why", async () => {
    await writeProgram(MAKE.replace("FIRST", "SECOND"));
    expect(await changed()).toEqual(["a", "b"]);
    const { stdout } = await project.previewRaw("--diff");
    expect(stdout).toMatch(/builder[\s\S]*identity[\s\S]*~ source *: "[0-9a-f]{16}" => "[0-9a-f]{16}"/);
    expect(await project.up()).toEqual({ update: 2 });
    expect(await csvOf("a")).toContain("# SECOND");
    await project.manifests(fleet({ args: { salt: 7 } }));
    expect(await changed()).toEqual(["a", "b"]);
    await project.up();
    expect(await csvOf("a")).toContain('# SECOND {"salt":7}');
  });

  it("leaves a device's Secret as it was where the program fails, and keeps its secrets to itself", async () => {
    await writeProgram(`#!/bin/sh\ncat input/secrets/*\necho broken >&2\nexit 9\n`);
    const ran = await project.pulumi("up", "--yes", "--skip-preview");
    expect(ran.exitCode).not.toBe(0);
    const said = ran.stdout + ran.stderr;
    expect(said).toContain("configuration builder of a failed with exit code 9");
    expect(said).toContain("broken");
    expect(said).not.toContain(PASSWORD);
    expect(await csvOf("a")).toContain("# SECOND");
    await writeProgram(MAKE.replace("FIRST", "SECOND"));
    expect(await changed()).toEqual([]);
  });

  it("is refused where its sources are not there", async () => {
    await project.manifests(fleet({ source: "nowhere" }));
    const { exitCode, stdout, stderr } = await project.previewRaw();
    expect(exitCode).not.toBe(0);
    expect(stdout + stderr).toContain(
      "spec.config.builder: the builder's command ./make.sh is not in its source",
    );
    expect(stdout + stderr).not.toMatch(/ at .*\.ts:\d+/);
    await project.manifests(fleet());
  });
});
