import { describe, expect, it } from "vitest";
import { CLASS, CLUSTER, device, fleet, group, positionOf, problemsOf, stack } from "./manifests.ts";

function inNamespace(document: string, namespace: string): string {
  return document.replace(/(metadata: \{ name: [^,} ]+)/, `$1, namespace: ${namespace}`);
}

const SECOND = CLUSTER.replaceAll("greenhouse", "orchard");

describe("membership", () => {
  it("is to the only cluster where metadata.namespace is left out", () => {
    expect(problemsOf(fleet(device("fern-01")))).toEqual([]);
  });

  it("is by the cluster's spec.namespace", () => {
    const text = stack(CLUSTER, SECOND, inNamespace(CLASS, "orchard"), inNamespace(device("d"), "orchard"));
    expect(problemsOf(text)).toEqual([]);
  });

  it("must be said where there are several clusters", () => {
    const text = stack(CLUSTER, SECOND, inNamespace(CLASS, "orchard"), device("d"));
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/metadata: belongs to no DevicesCluster: .* one of greenhouse, orchard$/),
      expect.stringMatching(/there is no DeviceClass "node"|belongs to another DevicesCluster/),
    ]);
  });

  it("to a namespace that no cluster has is refused with the nearest", () => {
    const text = fleet(inNamespace(group("g", "selector: {}"), "greenhuose"));
    expect(problemsOf(text)).toEqual([
      `f.yaml:${positionOf(text, "greenhuose")} metadata.namespace: belongs to no DevicesCluster: none has the namespace "greenhuose"; did you mean "greenhouse"?`,
    ]);
  });

  it("is refused once where there is no cluster at all", () => {
    expect(problemsOf(stack(CLASS, device("a"), device("b")))).toEqual([
      expect.stringMatching(/^f.yaml:1:1 no DevicesCluster in this stack/),
    ]);
  });

  it("is not missed where the cluster is there with a mistake of its own", () => {
    expect(problemsOf(stack(CLUSTER.replace("mosquitto", "mosquito"), CLASS, device("a")))).toHaveLength(1);
  });

  it("of two clusters to one namespace is refused, at both", () => {
    const text = stack(CLUSTER, CLUSTER.replace("name: greenhouse", "name: other"));
    const lines = text.split("\n");
    const second = lines.indexOf("---") + 2;
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(
        new RegExp(`spec.namespace: DevicesCluster other \\(f.yaml:${second}\\) has this namespace already`),
      ),
      expect.stringMatching(
        /spec.namespace: DevicesCluster greenhouse \(f.yaml:1\) has this namespace already/,
      ),
    ]);
  });
});

describe("names", () => {
  it("are there once for each kind and cluster, and the first place is named", () => {
    const text = fleet(device("fern-01"), device("fern-01"));
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(
        /^f.yaml:23:19 metadata.name: Device fern-01 \(f.yaml:15\) has this name already$/,
      ),
    ]);
  });

  it("may be shared by different kinds and by different clusters", () => {
    expect(problemsOf(fleet(group("node", "selector: {}"), device("node")))).toEqual([]);
    const text = stack(CLUSTER, SECOND, inNamespace(CLASS, "orchard"), inNamespace(CLASS, "greenhouse"));
    expect(problemsOf(text)).toEqual([]);
  });
});

describe("a device's class", () => {
  it("must be there; the nearest is suggested", () => {
    const text = fleet(device("fern-01").replace("{ name: node }", "{ name: nod }"));
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(
        /deviceClassReference.name: there is no DeviceClass "nod"; did you mean "node"\?$/,
      ),
    ]);
  });

  it("must belong to the device's own cluster", () => {
    const text = stack(
      CLUSTER,
      SECOND,
      inNamespace(CLASS, "orchard"),
      inNamespace(device("d"), "greenhouse"),
    );
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/DeviceClass node \(f.yaml:\d+\) belongs to another/),
    ]);
  });

  it("is not reported missing when it is there with a mistake of its own", () => {
    expect(problemsOf(stack(CLUSTER, CLASS.replace("esp32", "esp99"), device("fern-01")))).toHaveLength(1);
  });

  it("is not reported missing when a document could not be read", () => {
    expect(
      problemsOf(stack(CLUSTER, "kind: DeviceClass\nmetadata: { name: node\n", device("fern-01"))),
    ).toHaveLength(1);
  });
});

describe("a group's Secret", () => {
  const named = (name: string, secret: string) => group(name, `selector: {}\nsecret: { name: ${secret} }`);

  it.each(["x-device", "x-device-class", "x-device-group", "x-devices-cluster", "x-flash", "x-board"])(
    "may not end like one of our own: %s",
    (name) => {
      expect(problemsOf(fleet(named("g", name)))).toEqual([
        expect.stringMatching(/spec.secret.name: names that end/),
      ]);
    },
  );

  it("may say its default name", () => {
    expect(problemsOf(fleet(named("g", "g-device-group")))).toEqual([]);
  });

  it("may not be another group's", () => {
    expect(problemsOf(fleet(named("a", "wifi"), named("b", "wifi")))).toEqual([
      expect.stringMatching(/DeviceGroup a \(f.yaml:\d+\) writes a Secret of this name already/),
    ]);
  });

  it("may not be what a secret is taken from", () => {
    const text = fleet(
      named("a", "hall-wifi"),
      device("d", "secrets: { a.b: { fromSecret: { name: hall-wifi, key: x } } }"),
    );
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/Edgeflock itself writes this Secret, for DeviceGroup a/),
    ]);
  });
});

describe("the secrets that a firmware build reads", () => {
  const building = (keys: string, secrets: string) =>
    stack(CLUSTER, `${CLASS.replace("native } }", `native }, secrets: ${keys} }`)}  secrets: ${secrets}\n`);

  it("are those of its class and cluster", () => {
    expect(problemsOf(building("[AP_KEY]", "{ AP_KEY: { fromEnv: A } }"))).toEqual([]);
  });

  it("are refused when they are not there", () => {
    expect(problemsOf(building("[AP_KYE]", "{ AP_KEY: { fromEnv: A } }"))).toEqual([
      expect.stringMatching(
        /firmware.secrets\[0\]: "AP_KYE" is no secret of this class.*did you mean "AP_KEY"\?$/,
      ),
    ]);
  });
});

describe("ports at which updates flash", () => {
  const at = (name: string, port: string) =>
    device(name, `flash: { via: { port: ${JSON.stringify(port)} } }`);

  it.each([
    "rfc2217://bench-2:4000",
    "rfc2217://[::1]:4000?timeout=5",
    "socket://10.0.0.2:5555",
    "/dev/ttyUSB0",
    "COM12",
  ])("may be %s", (port) => {
    expect(problemsOf(fleet(at("a", port)))).toEqual([]);
  });

  it.each([
    "bench-2:4000",
    "rfc2217://bench-2",
    "rfc2217://user:word@bench:4000",
    "--before=no-reset",
    "/dev/tty USB0",
    "COM1; reboot",
    "loop://",
    "spy:///dev/ttyUSB0?file=/etc/passwd",
  ])("cannot be %s", (port) => {
    expect(problemsOf(fleet(at("a", port)))).toEqual([expect.stringContaining("must be a port such as")]);
  });

  it("have one board", () => {
    expect(problemsOf(fleet(at("a", "COM1"), at("b", "COM2"), at("c", "COM1")))).toEqual([
      expect.stringMatching(/spec\.flash\.via\.port: Device a .* has its board at this port already/),
    ]);
  });
});
