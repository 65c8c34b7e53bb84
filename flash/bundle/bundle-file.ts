// An exported bundle: firmware and configurations of one class in one file, encrypted with age
// (https://age-encryption.org/v1), since it holds secrets. Pure: bytes in and out.
import { createHash } from "node:crypto";
import { Decrypter, Encrypter } from "age-encryption";
import { z } from "zod";
import { packArchive, unpackArchive } from "../../builders/artifact-archive.ts";
import type { FirmwareArtifact } from "../../builders/contract.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { ClassPlace } from "../board-lease.ts";
import type { DeviceConfig } from "../station/flash-source.ts";

export interface Bundle {
  /** Its devices' Leases are held by `bundle:<id>`. */
  id: string;
  place: ClassPlace;
  artifact: FirmwareArtifact;
  madeBy: string;
  /** RFC 3339. */
  madeAt: string;
  /** By path in the artefact. */
  firmware: ReadonlyMap<string, Uint8Array>;
  devices: readonly DeviceConfig[];
}

/** Who can open a bundle: whoever knows the passphrase, or has the key of one of the recipients ("age1…"). */
export type BundleLock = { passphrase: string } | { recipients: readonly string[] };
/** What opens it: the passphrase, or identities ("AGE-SECRET-KEY-1…"). */
export type BundleKey = { passphrase: string } | { identities: readonly string[] };

const FORMAT = "edgeflock-bundle/1";
const SHORTEST_PASSPHRASE = 10;

const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
  .max(63);
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const count = z.int().min(0);
const contents = z.strictObject({
  format: z.literal(FORMAT),
  id: z.string().regex(/^[0-9a-z-]{1,40}$/),
  madeBy: z.string().max(300),
  madeAt: z.string().max(40),
  place: z.strictObject({ cluster: name, namespace: name, class: name }),
  artifact: z.looseObject({
    digest,
    size: count,
    chip: z.string(),
    flashSize: z.string(),
    version: z.string().max(64),
    files: z.array(z.strictObject({ offset: count, path: z.string(), sha256: z.string(), size: count })),
    config: z.strictObject({ label: z.string(), offset: count, size: count }),
  }),
  devices: z.array(
    z.strictObject({ name, digest, encrypted: z.boolean(), generation: z.int().min(1).optional() }),
  ),
});

/** @throws VisibleError for a passphrase that is too short or a recipient that is none */
export async function sealBundle(bundle: Bundle, lock: BundleLock): Promise<Uint8Array> {
  const { id, place, artifact, madeBy, madeAt, firmware, devices } = bundle;
  const { digest, size, chip, flashSize, version, files: list, config } = artifact;
  const facts: z.infer<typeof contents> = {
    format: FORMAT,
    id,
    madeBy,
    madeAt,
    place,
    artifact: { digest, size, chip, flashSize, version, files: list, config },
    devices: devices.map(({ device, digest, keys, generation }) => ({
      name: device,
      digest,
      encrypted: keys !== undefined,
      ...(generation !== undefined && { generation }),
    })),
  };
  const files = new Map<string, Uint8Array>([
    ["bundle.json", new TextEncoder().encode(JSON.stringify(facts))],
  ]);
  for (const [index, { path }] of list.entries())
    files.set(`firmware/${index}`, firmware.get(path) as Uint8Array);
  for (const { device, image, keys } of devices) {
    files.set(`devices/${device}/config.bin`, image);
    if (keys) files.set(`devices/${device}/nvs-keys.bin`, keys);
  }
  return encrypterFor(lock).encrypt(packArchive(files));
}

/** @throws VisibleError when the key does not open it, or it is no bundle, or is damaged */
export async function openBundle(bytes: Uint8Array, key: BundleKey): Promise<Bundle> {
  const files = unpackArchive(await decrypt(bytes, key), "the bundle");
  const facts = contents.safeParse(parseJson(files.get("bundle.json")));
  if (!facts.success)
    throw new VisibleError(`This is no bundle that this version reads: ${z.prettifyError(facts.error)}`);
  const { artifact, devices, format: _, ...rest } = facts.data;
  const file = (path: string, expected?: string) => {
    const found = files.get(path);
    const actual = found && createHash("sha256").update(found).digest("hex");
    if (!found || (expected !== undefined && actual !== expected))
      throw new VisibleError(`The bundle is damaged: ${path} is missing or changed.`, { exitCode: 7 });
    return new Uint8Array(found);
  };
  return {
    ...rest,
    artifact: artifact as FirmwareArtifact,
    firmware: new Map(
      artifact.files.map(({ path, sha256 }, index) => [path, file(`firmware/${index}`, sha256)]),
    ),
    devices: devices.map(({ name, digest, encrypted, generation }) => ({
      device: name,
      digest,
      ...(generation !== undefined && { generation }),
      image: file(`devices/${name}/config.bin`, digest.slice("sha256:".length)),
      ...(encrypted && { keys: file(`devices/${name}/nvs-keys.bin`) }),
    })),
  };
}

function encrypterFor(lock: BundleLock): Encrypter {
  const encrypter = new Encrypter();
  if ("passphrase" in lock) {
    if (lock.passphrase.length < SHORTEST_PASSPHRASE) {
      throw new VisibleError(`The passphrase has fewer than ${SHORTEST_PASSPHRASE} characters.`, {
        hint: "Use some words.",
        exitCode: 2,
      });
    }
    encrypter.setPassphrase(lock.passphrase);
    return encrypter;
  }
  for (const recipient of lock.recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      throw new VisibleError(`${JSON.stringify(recipient.slice(0, 80))} is no age recipient.`, {
        hint: 'They begin with "age1"; age-keygen makes them.',
        exitCode: 2,
      });
    }
  }
  return encrypter;
}

async function decrypt(bytes: Uint8Array, key: BundleKey): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  if ("passphrase" in key) decrypter.addPassphrase(key.passphrase);
  else {
    for (const identity of key.identities) {
      try {
        decrypter.addIdentity(identity);
      } catch {
        // the value is a secret: it is not shown
        throw new VisibleError("The identity file holds a line that is no age identity.", {
          hint: 'They begin with "AGE-SECRET-KEY-1".',
          exitCode: 2,
        });
      }
    }
  }
  try {
    return await decrypter.decrypt(bytes);
  } catch {
    const what = "passphrase" in key ? "The passphrase is wrong" : "None of the identities opens it";
    throw new VisibleError(`The bundle cannot be opened. ${what}, or the file is damaged.`, { exitCode: 7 });
  }
}

function parseJson(bytes: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
