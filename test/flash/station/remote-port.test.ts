// A board behind RFC 2217, flashed by the real esptool through a counting wire.
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectSocket, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { remotePortEnvironment } from "../../../flash/remote-port.ts";
import { Esptool } from "../../../flash/station/esptool.ts";
import { startVirtualDevice } from "../../../flash/virtual-esp32/start-virtual-device.ts";
import { esptoolCommand } from "../../../toolchain/python.ts";

/** IAC SB COM-PORT SET-BAUDRATE, RFC 2217. */
const SET_BAUDRATE = Buffer.from([255, 250, 44, 1]);

const folder = mkdtempSync(join(tmpdir(), "edgeflock-remote-"));
let wire: Server | undefined;
afterAll(() => {
  wire?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("a remote port", () => {
  it("has Python told once what pySerial would repeat twice a command", { timeout: 180_000 }, async () => {
    await using board = await startVirtualDevice({
      chip: "esp32",
      flash: join(folder, "board.bin"),
      rfc2217: true,
    });
    let settings = 0;
    wire = createServer((client) => {
      const port = connectSocket(Number(new URL(board.url).port), "127.0.0.1");
      client.on("data", (bytes: Buffer) => {
        for (let at = bytes.indexOf(SET_BAUDRATE); at >= 0; at = bytes.indexOf(SET_BAUDRATE, at + 1))
          settings++;
      });
      client.pipe(port).pipe(client);
      for (const socket of [client, port]) socket.on("error", () => client.destroy());
    });
    await new Promise<void>((resolve) => wire?.listen(0, "127.0.0.1", resolve));
    const { port } = wire.address() as { port: number };
    const esptool = new Esptool(await esptoolCommand(), new AbortController().signal);
    const found = await esptool.probe(`rfc2217://127.0.0.1:${port}`);
    expect(found).toMatchObject({ chip: "esp32", mac: board.mac });
    expect(settings).toBeGreaterThan(0);
    // without it: more than a hundred
    expect(settings).toBeLessThan(10);
  });

  it("keeps what PYTHONPATH has, and leaves other ports alone", () => {
    const { PYTHONPATH } = remotePortEnvironment("rfc2217://bench:4000", { PYTHONPATH: "/theirs" });
    expect(PYTHONPATH?.split(delimiter).at(-1)).toBe("/theirs");
    expect(remotePortEnvironment("/dev/ttyUSB0")).toEqual({});
    expect(remotePortEnvironment("socket://bench:4000")).toEqual({});
  });
});
