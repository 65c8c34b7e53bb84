// The virtual board as a whole, with real firmware processes and raw clients.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { startVirtualDevice, type VirtualDevice } from "../../../flash/virtual-esp32/start-virtual-device.ts";
import { isAlive } from "../../../toolchain/is-alive.ts";
import { flashFileOf, imagesOf, TestFolder, until } from "./support.ts";

const folder = new TestFolder();
afterAll(() => folder.remove());
let boards = 0;

/** A board that boots this shell script at once. */
function running(script: string, options = {}): Promise<VirtualDevice> {
  const flash = flashFileOf(folder.file(`board-${boards++}.bin`), imagesOf(script));
  return startVirtualDevice({ chip: "esp32", flash, boot: true, ...options });
}

async function client(device: VirtualDevice): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(device.port!, "127.0.0.1");
  let text = "";
  socket.setEncoding("latin1").on("data", (data) => (text += data));
  socket.on("error", () => {});
  await once(socket, "connect");
  return { socket, received: () => text };
}

describe("the firmware on a virtual board", () => {
  it("runs with the board's own flash file, and nothing of our environment", async () => {
    process.env.EDGEFLOCK_TEST_SECRET = "do-not-pass-on";
    await using device = await running(
      'echo "args $*"; echo "secret [$EDGEFLOCK_TEST_SECRET]"; pwd; sleep 100',
    );
    expect(await device.waitFor(/^args/)).toBe(`args --flash ${device.flash}`);
    expect(await device.waitFor(/^secret/)).toBe("secret []");
    expect(await device.waitFor(/edgeflock-board-/)).toContain(tmpdir());
  });

  it("writes to the flash and reads its serial line", async () => {
    const script =
      'printf kept | dd of="$2" bs=1 seek=36864 conv=notrunc 2>/dev/null; while read line; do echo "heard $line"; done';
    await using device = await running(script);
    await device.waitFor(/booting/);
    const { socket, received } = await client(device);
    socket.write("hello\n");
    await device.waitFor(/^heard hello$/);
    await until(() => received().includes("heard hello"));
    expect(readFileSync(device.flash).subarray(0x9000, 0x9004).toString()).toBe("kept");
    socket.destroy();
  });

  it("ends with all its processes when the board stops, and leaves no file behind", async () => {
    const device = await running('sleep 1000 & echo "pids $$ $!"; pwd; wait');
    const [, firmware, child] = (await device.waitFor(/^pids/)).split(" ").map(Number);
    const home = await device.waitFor(/edgeflock-board-/);
    expect(isAlive(firmware!) && isAlive(child!)).toBe(true);
    await device.stop();
    await until(() => !isAlive(firmware!) && !isAlive(child!));
    expect(existsSync(home)).toBe(false);
    expect(readdirSync(folder.path).filter((name) => name.endsWith(".lock"))).toEqual([]);
  });

  it("is started again by a reset", async () => {
    await using device = await running('echo "started as $$"; sleep 100');
    const first = await device.waitFor(/^started/);
    const since = device.console.length;
    device.reset();
    expect(await device.waitFor(/^started/, { since })).not.toBe(first);
  });

  it("is reset by DTR and RTS, into download mode too", async () => {
    await using device = await running("sleep 100");
    device.setLines({ dtr: false, rts: true });
    expect(device.state).toBe("held");
    device.setLines({ dtr: true, rts: false });
    expect(device.state).toBe("download");
    device.setLines({ dtr: false, rts: true });
    device.setLines({ rts: false });
    expect(device.state).toBe("running");
  });

  it("has ended for good with exit code 0", async () => {
    await using device = await running("exit 0");
    await device.waitFor(/has ended \(exit code 0\)/);
    expect(device.console.filter((line) => line.startsWith("rst:"))).toHaveLength(1);
  });

  it("restarts without a panic on exit code 12", async () => {
    await using device = await running('if [ -e "$2.once" ]; then sleep 100; fi; touch "$2.once"; exit 12', {
      restartPolicy: { firstDelay: 1 },
    });
    await device.waitFor(/SW_CPU_RESET/);
    expect(device.console.join("\n")).not.toContain("Guru");
  });

  it("panics on a signal or another exit code, and after five restarts in a row it is a boot loop", async () => {
    await using device = await running("kill -SEGV $$", { restartPolicy: { firstDelay: 1 } });
    await device.waitFor(/boot loop: 5 restarts in a row/);
    const panics = device.console.filter((line) => line.includes("Guru Meditation"));
    expect(panics).toEqual(
      new Array(6).fill("Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled."),
    );
    await using other = await running("exit 3", { restartPolicy: { firstDelay: 1, restarts: 1 } });
    await other.waitFor(/boot loop: 1 restarts/);
    expect(other.console.join("\n")).toContain("the firmware ended with exit code 3");
  });

  it("says so when the payload is no executable of this machine", async () => {
    const flash = flashFileOf(folder.file("alien.bin"), imagesOf(""));
    const images = imagesOf("");
    // a payload without "#!": an executable of nobody
    const { wrapHostExecutable } = await import("../../../builders/native/host-executable.ts");
    images[2] = [
      0x10000,
      wrapHostExecutable({
        chip: "esp32",
        projectName: "x",
        version: "1",
        executable: Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0),
      }),
    ];
    flashFileOf(flash, images);
    await using device = await startVirtualDevice({ chip: "esp32", flash, boot: true });
    await device.waitFor(/could not be started: it is no executable of this machine/);
  });
});

describe("the serial port of a virtual board", () => {
  it("has one client; a second is sent away, a third may come when the first has gone", async () => {
    await using device = await running("while :; do echo tick; sleep 0.02; done");
    const first = await client(device);
    await until(() => first.received().includes("tick"));
    const second = await client(device);
    await once(second.socket, "close");
    expect(second.received()).toBe("");
    first.socket.destroy();
    const third = await client(device);
    await until(() => third.received().includes("tick"));
    third.socket.destroy();
  });

  it.skipIf(process.getuid?.() !== 0)(
    "is for its own user alone: others of this machine are sent away",
    async () => {
      await using device = await running("while :; do echo tick; sleep 0.02; done");
      const program =
        "import socket,sys; s=socket.create_connection(('127.0.0.1',int(sys.argv[1]))); s.settimeout(5); print(len(s.recv(99)))";
      const connects = async (uid: number) => {
        const child = spawn("python3", ["-c", program, String(device.port)], { uid, gid: uid, cwd: "/" });
        const said = child.stdout.toArray();
        await once(child, "close");
        return Number(Buffer.concat(await said).toString());
      };
      expect(await connects(65_534)).toBe(0);
      expect(device.console.join("\n")).toContain("a program of another user of this machine was sent away");
      expect(await connects(0)).toBeGreaterThan(0);
    },
  );

  it("keeps running what runs when a terminal comes and goes", async () => {
    await using device = await running("while :; do echo tick; sleep 0.02; done");
    const { socket, received } = await client(device);
    await until(() => received().includes("tick"));
    socket.destroy();
    await sleep(50);
    expect(device.state).toBe("running");
    expect(device.console.filter((line) => line.startsWith("rst:"))).toHaveLength(1);
  });

  it("survives any bytes, in download mode and while the firmware runs", async () => {
    await using waiting = await startVirtualDevice({
      chip: "esp32",
      flash: folder.file("fuzz.bin"),
      flashSize: "1MB",
    });
    await using busy = await running("exec cat >/dev/null");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 5 }), async (pieces) => {
        for (const device of [waiting, busy]) {
          const { socket } = await client(device);
          for (const piece of pieces) socket.write(piece);
          socket.end();
          await once(socket.resume(), "close");
        }
      }),
      { numRuns: 40 },
    );
    const flood = await client(waiting);
    flood.socket.write(Buffer.alloc(8 << 20, 0xc1)); // one endless frame
    flood.socket.end(Buffer.alloc(1 << 20, 0xc0));
    await once(flood.socket.resume(), "close");
    expect(waiting.state).toBe("download");
    expect(busy.state).toBe("running");
  });
});

describe("options of a virtual board", () => {
  const flash = folder.file("options.bin");
  it.each([
    [{ chip: "esp8266" }, /"esp8266" is no chip that can be simulated; expected esp32, esp32c3/],
    [{ port: 70_000 }, /70000 is no TCP port/],
    [{ port: 1.5 }, /is no TCP port/],
    [{ pty: true, port: 5555 }, /either a pty or a TCP port/],
    [{ pty: true, faults: ["cut@5"] }, /the fault cut needs a TCP port/],
    [{ mac: "12:34" }, /"12:34" is no MAC address/],
    [{ mac: "01:00:00:00:00:00" }, /is a group address/],
    [{ flashSize: "3MB" }, /"3MB" is no flash size/],
    [{ faults: ["explode"] }, /"explode" is no fault/],
    [{ faults: ["bad-block@0x400000"] }, /the bad block at 0x400000 is beyond the flash of 4 MB/],
    [{ baudPacing: 5 }, /5 is no baud rate/],
    [{ flash: "/nowhere/at/all.bin" }, /cannot lock the flash file/],
  ])("%j are refused", async (options, message) => {
    await expect(startVirtualDevice({ chip: "esp32", flash, ...options } as never)).rejects.toThrow(message);
  });

  it("a port or flash file that is in use is refused, and nothing is left behind", async () => {
    await using device = await startVirtualDevice({ chip: "esp32", flash });
    await expect(startVirtualDevice({ chip: "esp32", flash })).rejects.toThrow(
      /is in use by another virtual board/,
    );
    const other = folder.file("other.bin");
    await expect(startVirtualDevice({ chip: "esp32", flash: other, port: device.port! })).rejects.toThrow(
      /already in use/,
    );
    expect(existsSync(`${other}.lock`)).toBe(false);
  });

  it("a board has the same MAC at each start, and another file another MAC", async () => {
    const macs: string[] = [];
    for (const name of ["mac-a.bin", "mac-a.bin", "mac-b.bin"]) {
      await using device = await startVirtualDevice({
        chip: "esp32",
        flash: folder.file(name),
        flashSize: "1MB",
      });
      macs.push(device.mac);
    }
    expect(macs[0]).toBe(macs[1]);
    expect(macs[0]).not.toBe(macs[2]);
  });
});
