// esptool-js, which flashes from browsers, against a virtual board: in Node, over a socket.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { ESPLoader, Transport } from "esptool-js";
import { afterAll, describe, expect, it } from "vitest";
import { startVirtualDevice } from "../../../flash/virtual-esp32/start-virtual-device.ts";
import { noise, TestFolder } from "./support.ts";

const folder = new TestFolder();
afterAll(() => folder.remove());

/** What of Web Serial's SerialPort esptool-js uses, over a socket. */
function serialPort(port: number) {
  let socket: Socket | undefined;
  const device = {
    readable: null as ReadableStream | null,
    writable: null as WritableStream | null,
    async open() {
      socket = connect(port, "127.0.0.1");
      const { readable, writable } = Duplex.toWeb(socket);
      device.readable = readable as unknown as ReadableStream;
      device.writable = writable as unknown as WritableStream;
    },
    async close() {
      socket?.destroy();
      device.readable = null;
      device.writable = null;
    },
    async setSignals() {},
    async setBaudRate() {},
    getInfo: () => ({}),
  };
  return device;
}

describe("esptool-js", () => {
  it.each(["esp32", "esp32c3"] as const)("recognises and flashes a virtual %s", async (chip) => {
    await using device = await startVirtualDevice({
      chip,
      flash: folder.file(`${chip}.bin`),
      mac: "24:0a:c4:00:11:22",
    });
    const log: string[] = [];
    const write = (text: string) => void log.push(text);
    const transport = new Transport(serialPort(device.port!) as never, false);
    const loader = new ESPLoader({
      transport,
      baudrate: 921600,
      romBaudrate: 115200,
      terminal: { clean() {}, write, writeLine: write },
    } as never);
    await loader.main();
    expect(log.join("\n")).not.toContain("Autodetection failed");
    expect(log.join("\n")).toContain("24:0a:c4:00:11:22");
    const data = Buffer.concat([noise(20_000), Buffer.alloc(30_000)]);
    await loader.writeFlash({
      fileArray: [{ data: new Uint8Array(data), address: 0x10000 }],
      flashMode: "keep",
      flashFreq: "keep",
      flashSize: "keep",
      eraseAll: false,
      compress: true,
      calculateMD5Hash: (image: Uint8Array) => createHash("md5").update(image).digest("hex"),
    } as never);
    await transport.disconnect();
    expect(
      readFileSync(device.flash)
        .subarray(0x10000, 0x10000 + data.length)
        .equals(data),
    ).toBe(true);
    await device.waitFor(/nothing to boot/);
  });
});
