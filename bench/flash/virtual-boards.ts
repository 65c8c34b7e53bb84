// Its own process: starts virtual boards in the folder argv[2] and prints by how many bytes it grew, as JSON. Run with --expose-gc.
import { join } from "node:path";
import { startVirtualDevice, type VirtualDevice } from "../../flash/virtual-esp32/start-virtual-device.ts";

const [folder, count] = [process.argv[2] as string, Number(process.argv[3])];

function resident(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

async function main(): Promise<void> {
  const boards: VirtualDevice[] = [];
  const start = (name: string) => startVirtualDevice({ chip: "esp32", flash: join(folder, `${name}.flash`) });
  // the first one brings the code in
  boards.push(await start("first"));
  const before = resident();
  for (let index = 0; index < count; index++) boards.push(await start(`many-${index}`));
  console.log(JSON.stringify({ bytes: resident() - before }));
  await Promise.all(boards.map((board) => board.stop()));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
