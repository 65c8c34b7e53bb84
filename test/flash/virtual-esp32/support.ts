// What the tests of the virtual board share: a temporary folder, images to flash, the real esptool.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { expect } from "vitest";
import { wrapHostExecutable } from "../../../builders/native/host-executable.ts";
import { otadata, type Partition, writePartitionTable } from "../../../builders/partitions/index.ts";
import type { FlashMemory } from "../../../flash/virtual-esp32/flash-memory.ts";
import { esptoolCommand } from "../../../toolchain/python.ts";

/** A folder of its own for one test file; `remove` it at the end. */
export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), "edgeflock-test-"));

  file(name: string, content?: Uint8Array): string {
    const path = join(this.path, name);
    if (content) writeFileSync(path, content);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Looks again and again, for twenty seconds at the most. */
export async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 2000 && !condition(); round++) await sleep(10);
  expect(condition()).toBe(true);
}

/** A flash without a file, with the same semantics. */
export class FlashInMemory implements FlashMemory {
  readonly bytes: Uint8Array;
  readonly size: number;

  constructor(size = 1 << 20) {
    this.size = size;
    this.bytes = new Uint8Array(size).fill(0xff);
  }

  read(offset: number, length: number): Uint8Array {
    return this.bytes.slice(offset, offset + length);
  }

  program(offset: number, data: Uint8Array): void {
    if (offset + data.length > this.size) throw new RangeError("outside of the flash");
    for (const [index, byte] of data.entries()) this.bytes[offset + index]! &= byte;
  }

  erase(offset: number, length: number): void {
    if (offset + length > this.size) throw new RangeError("outside of the flash");
    this.bytes.fill(0xff, offset - (offset % 4096), Math.ceil((offset + length) / 4096) * 4096);
  }
}

const partition = (name: string, type: number, subtype: number, offset: number, size: number): Partition => ({
  name,
  type,
  subtype,
  offset,
  size,
  flags: 0,
});

export const PARTITIONS = [
  partition("nvs", 1, 2, 0x9000, 0x5000),
  partition("otadata", 1, 0, 0xe000, 0x2000),
  partition("ota_0", 0, 0x10, 0x10000, 0x80000),
  partition("ota_1", 0, 0x11, 0x90000, 0x60000),
];

/** An application image whose payload is this shell script. */
export function applicationOf(script: string, options: { chip?: string; version?: string } = {}): Uint8Array {
  return wrapHostExecutable({
    chip: options.chip ?? "esp32",
    projectName: "hello",
    version: options.version ?? "1.2.3",
    executable: new TextEncoder().encode(`#!/bin/sh\n${script}\n`),
  });
}

/** Offsets and bytes of a whole flashable board: table, otadata for slot 0, application in it. */
export function imagesOf(script: string, options: { chip?: string } = {}): [number, Uint8Array][] {
  return [
    [0x8000, writePartitionTable(PARTITIONS)],
    [0xe000, otadata(0)],
    [0x10000, applicationOf(script, options)],
  ];
}

/** A flash file of 1 MB that holds `images`. */
export function flashFileOf(path: string, images: [number, Uint8Array][]): string {
  const flash = new FlashInMemory();
  for (const [offset, bytes] of images) flash.program(offset, bytes);
  writeFileSync(path, flash.bytes);
  return path;
}

/** Bytes that do not compress and are always the same. */
export function noise(length: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

export interface EsptoolResult {
  exitCode: number;
  /** stdout and stderr. */
  output: string;
}

/** Runs the real esptool; a failure is a result, not an exception. */
export async function esptool(...args: string[]): Promise<EsptoolResult> {
  const [program, ...first] = await esptoolCommand();
  const { exitCode, all } = await execa(program!, [...first, ...args], {
    all: true,
    reject: false,
    timeout: 100_000,
    env: { PYTHONUNBUFFERED: "1", COLUMNS: "120" },
  });
  return { exitCode: exitCode ?? -1, output: all ?? "" };
}
