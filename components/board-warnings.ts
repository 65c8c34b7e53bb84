// Warns before an update locks boards out: of devices whose credential it retires while their board still has it, and
// of devices that it takes away. Asks the API server for the boards' Leases.
import * as pulumi from "@pulumi/pulumi";
import { boardsIn } from "../flash/board-lease.ts";
import { latestByMac } from "../flash/board-record.ts";
import { isFlashed, retirement } from "../flash/status/device-status.ts";
import { KubernetesError } from "../kubernetes/api.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { Eventually } from "./eventually.ts";
import { reportable } from "./visible.ts";

/** Named in one warning; a fleet may have thousands. */
const NAMED = 10;

/** The oldest generation that the broker takes after this update, by device. */
export type OldestGenerations = Readonly<Record<string, number>>;

export interface WarnedBoard {
  device: string;
  /** What becomes of its credential. */
  why: string;
  mac: string;
}

type Board = Awaited<ReturnType<typeof boardsIn>>[number];

/**
 * Boards that are not let in after the update, by name.
 *
 * @param boards those of the fleet
 * @param former what declared devices were called before: their Leases go on under the new name
 */
export function boardsLockedOut(
  boards: readonly Board[],
  oldest: OldestGenerations,
  former: ReadonlySet<string>,
): WarnedBoard[] {
  // a board that became another device since is not this one's
  const found = [...latestByMac(boards).values()].flatMap((board): WarnedBoard[] => {
    const taken = Object.hasOwn(oldest, board.device) ? oldest[board.device] : undefined;
    if (!isFlashed(board) || (taken === undefined && former.has(board.device))) return [];
    const why = taken === undefined ? "the device is taken away" : retirement(board.generation, taken);
    return why === null ? [] : [{ device: board.device, why, mac: board.holder }];
  });
  return found.sort((a, b) => (a.device < b.device ? -1 : 1));
}

/** One text for all; undefined where there is nothing to warn of. */
export function lockOutWarning(found: readonly WarnedBoard[]): string | undefined {
  if (found.length === 0) return undefined;
  const [are, they] =
    found.length === 1 ? ["1 board is", "it is"] : [`${found.length} boards are`, "they are"];
  const lines = found.slice(0, NAMED).map(({ device, why, mac }) => `  ${device} (${mac}): ${why}`);
  if (found.length > NAMED) lines.push(`  and ${found.length - NAMED} more: edgeflock status --stale`);
  return [
    `${are} locked out of the broker by this update until ${they} flashed anew:`,
    ...lines,
    "Flash such a board after an update that keeps its present credential (keepPrevious), then retire that.",
  ].join("\n");
}

/**
 * Resolves once it has warned; call it when all devices are registered. Undefined for a broker whose users are somebody
 * else's: nothing is retired there. Nothing is said where the person may not list Leases.
 */
export function warnOfLockedOut(
  of: pulumi.Resource,
  cluster: DevicesCluster,
): pulumi.Output<void> | undefined {
  if (cluster.spec.mqtt.broker.kind === "external") return undefined;
  const { devices } = cluster.registry;
  // what this update flashes itself is not locked out
  const flashed = new Set(devices.filter(({ port }) => port !== undefined).map(({ name }) => name));
  const former = new Set(devices.flatMap((device) => device.former));
  return Eventually.list(devices.map(({ credentials }) => credentials)).apply((credentials) =>
    reportable(async () => {
      const oldest = credentials.map((each, index) => [devices[index]!.name, each.oldest] as const);
      const boards = (await fleetBoards(cluster)).filter(({ device }) => !flashed.has(device));
      const found = boardsLockedOut(boards, Object.fromEntries(oldest), former);
      const warning = lockOutWarning(found);
      if (warning !== undefined) await pulumi.log.warn(warning, of);
    }),
  );
}

async function fleetBoards({ connection, namespaceName, clusterName }: DevicesCluster): Promise<Board[]> {
  const api = await connection.api();
  try {
    return await boardsIn(api, namespaceName, clusterName);
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 403) return [];
    throw error;
  }
}
