// Kills reconcilers while they work, and says what did not hold: for the short test and the long one.
import { setTimeout as sleep } from "node:timers/promises";
import { decodeNvs } from "../../builders/nvs/decode.ts";
import { family, killAll } from "../chaos/processes.ts";
import { Random } from "../chaos/random.ts";
import { twoHalls } from "./manifests.ts";
import type { ReconciledFleet, RunningReconciler } from "./reconciled-fleet.ts";

export interface Kills {
  fleet: ReconciledFleet;
  /** Always two, of which one works. */
  replicas: RunningReconciler[];
  kills: number;
  seed: number;
}

/** About as long as an update takes here, and some more. */
const LONGEST_MS = 6_000;

/** Two replicas and a fleet of three devices that is ready. */
export async function bringUp(fleet: ReconciledFleet): Promise<RunningReconciler[]> {
  fleet.project.variables.NORTH_WIFI_PASSWORD = "north-password";
  const replicas = [fleet.reconciler(), fleet.reconciler()];
  await fleet.apply(...twoHalls(fleet.namespace));
  for (const name of ["a", "b", "c"]) await fleet.ready("Device", name);
  return replicas;
}

/**
 * Edits a device, kills the replica that works at a random moment, with or without the update that it runs, starts
 * another one, and waits until the edit is carried out, each time.
 *
 * @returns what did not hold
 */
export async function killReconcilers({ fleet, replicas, kills, seed }: Kills): Promise<string[]> {
  const random = new Random(seed);
  const problems: string[] = [];
  const before = await passwords(fleet);
  for (let number = 1; number <= kills; number++) {
    const place = `bench ${number}`;
    await setPlace(fleet, place);
    await sleep(random.below(LONGEST_MS));
    const leader = replicas.findIndex((replica) => replica.leads);
    // where none leads yet, another one of them is as good
    const victim = replicas[Math.max(0, leader)]!;
    const all = family(victim.pid).map(({ pid }) => pid);
    killAll(random.next() < 0.5 ? all : [victim.pid]);
    await victim.ended;
    replicas[Math.max(0, leader)] = fleet.reconciler();
    await fleet.ready("Device", "a");
    const now = await placeOf(fleet, "a");
    if (now !== place) problems.push(`kill ${number}: the configuration says ${now}, not ${place}`);
  }
  for (const name of ["a", "b", "c"]) await fleet.ready("Device", name);
  const after = await passwords(fleet);
  if (after.join() !== before.join()) problems.push("a credential changed");
  return problems;
}

export async function setPlace(fleet: ReconciledFleet, place: string): Promise<void> {
  const change = JSON.stringify({ spec: { data: { "place.name": place } } });
  await fleet.kubectl("patch", "device", "a", "--type=merge", "-p", change);
}

export async function placeOf(fleet: ReconciledFleet, device: string): Promise<unknown> {
  const secret = await fleet.project.secret(fleet.namespace, `${device}-device`);
  const { entries } = decodeNvs(secret!["config.bin"]!);
  return entries.find(({ namespace, key }) => namespace === "place" && key === "name")?.value;
}

export async function passwords(fleet: ReconciledFleet): Promise<(string | undefined)[]> {
  const secrets = ["a", "b", "c"].map((name) => fleet.project.secret(fleet.namespace, `${name}-device`));
  return (await Promise.all(secrets)).map((secret) => secret?.MQTT_PASSWORD?.toString());
}
