// Which devices share a Job. Reads work folders.
import type { ExecutorJob } from "../contract.ts";
import { inputSize, LARGEST_INPUT } from "./work-input.ts";

/**
 * Devices of one Job. A node starts one container of a pod a second, whatever it runs: kubelet looks once a second
 * whether the one before has ended. And what an API server spends on a pod's status grows with the square of its
 * containers: a Job of 100 took two thirds of a core-second a device there and on the node, one of 25 less than half.
 */
export const MOST_RUNS = 25;
/** A Job takes as long as so many devices before and after them: fewer are not worth one. */
const FEWEST_RUNS = 6;
/** Bytes a device beside its files: their names in the request. */
const NAMES = 200;
/** Bytes of all containers' commands and environments: the API server stores no object of more than 1.5 MiB. */
const LARGEST_POD = 512 * 1024;

/** As many Jobs as can run at once, if that is worth it, each with as many devices as the others. */
export function devicesOfAJob(devices: number, slots: number): number {
  const jobs = Math.max(
    Math.ceil(devices / MOST_RUNS),
    Math.min(slots, Math.floor(devices / FEWEST_RUNS)),
    1,
  );
  return Math.ceil(devices / jobs);
}

/** How many containers fit into one pod: each has the command and the environment of its own. */
function containersOfAPod({ command, environment }: Pick<ExecutorJob, "command" | "environment">): number {
  return Math.max(1, Math.floor(LARGEST_POD / JSON.stringify([command, environment]).length));
}

/**
 * In order, each as large as its share, and as its inputs fit into one Secret.
 * @param slots how many Jobs can run at once
 */
export async function batchesOf(jobs: readonly ExecutorJob[], slots: number): Promise<ExecutorJob[][]> {
  const most = Math.min(devicesOfAJob(jobs.length, slots), ...jobs.slice(0, 1).map(containersOfAPod));
  const all: ExecutorJob[][] = [];
  let room = 0;
  for (const job of jobs) {
    const size = (await inputSize(job.work)) + NAMES;
    const last = all.at(-1);
    if (last && last.length < most && size <= room) last.push(job);
    else {
      all.push([job]);
      room = LARGEST_INPUT * 0.9;
    }
    room -= size;
  }
  return all;
}
