// A fleet that changes at random: what happens to it between two updates, and the manifests that say so. Pure.
import { cluster, device, deviceClass, group } from "../e2e/manifests.ts";
import type { Random } from "./random.ts";

interface LivingDevice {
  name: string;
  formerly: string[];
  hall: string;
  generation: number;
}

const MIN_DEVICES = 4;
const MAX_DEVICES = 12;

export class FleetLife {
  readonly #namespace: string;
  readonly #random: Random;
  #devices: LivingDevice[] = [];
  #made = 0;
  #interval = 60;
  #firmware = 1;
  #ssid = 1;
  #groupFormerly: string[] = [];
  #groupName = "north";
  #wifiPassword = 1;

  constructor(namespace: string, random: Random) {
    this.#namespace = namespace;
    this.#random = random;
    for (let n = 0; n < 6; n++) this.#addDevice();
  }

  /** Secrets in the environment of whoever runs the update. */
  get variables(): Record<string, string> {
    return {
      SOUTH_WIFI_PASSWORD: `south-password-${this.#wifiPassword}`,
      BUILD_TOKEN: `build-token-${this.#firmware}`,
    };
  }

  get firmwareVersion(): string {
    return `1.0.${this.#firmware}`;
  }

  /** By the name that its credentials derive from: the Secret that has them now. */
  get devices(): { original: string; name: string; generation: number }[] {
    return this.#devices.map(({ name, formerly, generation }) => ({
      original: formerly[0] ?? name,
      name,
      generation,
    }));
  }

  /** Names of the Secrets, ConfigMaps and Leases that there should be, artefacts apart. */
  get expected(): { secrets: string[]; configMaps: string[] } {
    return {
      secrets: [
        ...this.#devices.map(({ name }) => `${name}-device`),
        "board-device-class",
        "node-device-class",
        `${this.#groupName}-device-group`,
        "south-device-group",
        `${this.#namespace}-devices-cluster`,
      ].sort(),
      configMaps: ["board-flash", "edgeflock-credentials", "node-flash"],
    };
  }

  /** Something happens; says what. */
  change(): string {
    const what = this.#random.weighted({
      add: 3,
      remove: 2,
      move: 2,
      rename: 2,
      rotate: 1,
      setting: 2,
      ssid: 2,
      wifiPassword: 1,
      firmware: 2,
      renameGroup: 1,
    });
    const someone = this.#random.pick(this.#devices);
    if (what === "add" && this.#devices.length < MAX_DEVICES) this.#addDevice();
    else if (what === "remove" && this.#devices.length > MIN_DEVICES) {
      this.#devices = this.#devices.filter((each) => each !== someone);
    } else if (what === "move") someone.hall = someone.hall === "north" ? "south" : "north";
    else if (what === "rename") {
      someone.formerly.push(someone.name);
      someone.name = `d${this.#made++}`;
    } else if (what === "rotate") someone.generation++;
    else if (what === "ssid") this.#ssid++;
    else if (what === "wifiPassword") this.#wifiPassword++;
    else if (what === "firmware") this.#firmware++;
    else if (what === "renameGroup") {
      this.#groupFormerly.push(this.#groupName);
      this.#groupName = `north-${this.#groupFormerly.length}`;
    } else this.#interval++;
    return what;
  }

  manifests(): object[] {
    const random = (length: number) => ({ random: { length } });
    const build = { name: "command", args: { command: ["./build.sh"] }, source: "firmware" };
    return [
      cluster(this.#namespace, {
        settings: { "telemetry.interval": this.#interval },
        secrets: { "portal.token": random(32), "build.token": { fromEnv: "BUILD_TOKEN" } },
      }),
      deviceClass("node"),
      deviceClass("board", { firmware: { builder: build, secrets: ["build.token"] } }),
      group(this.#groupName, "north", {
        formerly: this.#groupFormerly,
        settings: { "wifi.ssid": `north-${this.#ssid}` },
        secrets: { "wifi.password": random(20) },
      }),
      group("south", "south", {
        settings: { "wifi.ssid": "south" },
        secrets: { "wifi.password": { fromEnv: "SOUTH_WIFI_PASSWORD" } },
      }),
      ...this.#devices.map(({ name, formerly, hall, generation }, index) =>
        device(name, hall, { formerly, credentials: { generation } }, index % 3 === 0 ? "board" : "node"),
      ),
    ];
  }

  #addDevice(): void {
    const hall = this.#random.pick(["north", "south"]);
    this.#devices.push({ name: `d${this.#made++}`, formerly: [], hall, generation: 1 });
  }
}
