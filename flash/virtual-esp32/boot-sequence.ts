// From reset to running firmware, again after each panic, until that becomes a boot loop.
// Starts one process at a time (firmware-process.ts); prints what a UART would show.
import type { Application } from "./application.ts";
import { type BootPlan, planBoot } from "./boot.ts";
import { CHIP_MODELS, type VirtualChip } from "./chip-models.ts";
import { type FirmwareExit, type FirmwareProcess, startFirmware } from "./firmware-process.ts";
import type { FlashFile } from "./flash-memory.ts";

/**
 * Exit codes of a host firmware: 0 has ended for good, 12 asks for a restart (0xc is the ROM's number of a
 * software reset), everything else and every signal is a panic.
 */
const EXIT_RESTART = 12;

/** Exit codes of the shell that starts it (POSIX, "Shell Command Language", exit status). */
const NOT_STARTED: Record<number, string> = {
  126: "it is no executable of this machine, or the temporary folder (TMPDIR) may hold none",
  127: "the executable was not found",
};

/** What a signal would have been on the chip. */
const PANIC_CAUSES: Partial<Record<NodeJS.Signals, string>> = {
  SIGSEGV: "LoadProhibited",
  SIGBUS: "LoadStoreAlignment",
  SIGILL: "IllegalInstruction",
  SIGFPE: "IntegerDivideByZero",
  SIGABRT: "abort",
};

export interface RestartPolicy {
  /** Restarts in a row before the board gives up. */
  restarts: number;
  /** Wait before the first restart in milliseconds; doubled each time. */
  firstDelay: number;
  /** A firmware that ran this many milliseconds has not been in a loop. */
  steadyAfter: number;
}

const LONGEST_DELAY = 10_000;

export const DEFAULT_RESTART_POLICY: RestartPolicy = { restarts: 5, firstDelay: 100, steadyAfter: 10_000 };

export interface BootSequenceOptions {
  chip: VirtualChip;
  mac: string;
  flash: FlashFile;
  policy: RestartPolicy;
  /** Bytes of the UART. */
  output(bytes: Uint8Array): void;
  /** Remarks that no real board would print. */
  note(text: string): void;
}

export class BootSequence implements Application {
  readonly #options: BootSequenceOptions;
  #process: FirmwareProcess | undefined;
  /** The current process and earlier ones that are still ending. */
  readonly #alive = new Set<FirmwareProcess>();
  #timer: NodeJS.Timeout | undefined;
  /** Counts starts and halts: what belongs to an earlier one says nothing any more. */
  #run = 0;
  #restarts = 0;

  constructor(options: BootSequenceOptions) {
    this.#options = options;
  }

  start(): void {
    this.halt();
    this.#restarts = 0;
    this.#boot("rst:0x1 (POWERON_RESET)");
  }

  halt(): void {
    this.#run++;
    clearTimeout(this.#timer);
    this.#process?.kill();
  }

  input(bytes: Uint8Array): void {
    this.#process?.input(bytes);
  }

  async stop(): Promise<void> {
    this.halt();
    await Promise.all([...this.#alive].map(({ exited }) => exited));
  }

  #boot(reset: string): void {
    const { chip } = this.#options;
    const model = CHIP_MODELS[chip];
    this.#print(model.romBanner, "", `${reset},${model.bootMode.flash}`);
    const plan = this.#plan();
    if (plan === undefined) return;
    const { log, outcome } = plan;
    this.#print(...log);
    if (outcome.kind === "nothing") {
      this.#options.note(`nothing to boot: ${outcome.why}`);
      return;
    }
    const { image, partition } = outcome;
    const name = image.descriptor
      ? `${image.descriptor.projectName} ${image.descriptor.version}`
      : "without a name";
    if (outcome.kind === "foreign") {
      this.#options.note(`would boot ${name} from partition "${partition}", but ${outcome.why}`);
      return;
    }
    this.#options.note(`booting ${name} from partition "${partition}"`);
    this.#execute(outcome.executable);
  }

  /** The flash file can be damaged or gone while the board runs; that must not take other boards along. */
  #plan(): BootPlan | undefined {
    try {
      return planBoot(this.#options.flash, this.#options.chip);
    } catch (error) {
      this.#options.note(`cannot read the flash file: ${(error as Error).message}`);
      return undefined;
    }
  }

  #execute(executable: Uint8Array): void {
    const run = this.#run;
    const startedAt = performance.now();
    const firmware = startFirmware({
      executable,
      flashPath: this.#options.flash.path,
      chip: this.#options.chip,
      mac: this.#options.mac,
      onOutput: (bytes) => {
        if (this.#run === run) this.#options.output(bytes);
      },
    });
    this.#process = firmware;
    this.#alive.add(firmware);
    void firmware.exited.then((exit) => {
      this.#alive.delete(firmware);
      if (this.#process === firmware) this.#process = undefined;
      if (this.#run === run) this.#ended(exit, performance.now() - startedAt);
    });
  }

  #ended(exit: FirmwareExit, uptime: number): void {
    const { policy, note } = this.#options;
    const failure = exit.failure ?? NOT_STARTED[exit.code ?? 0];
    if (failure !== undefined) note(`the firmware could not be started: ${failure}`);
    else if (exit.code === 0) note("the firmware has ended (exit code 0); reset the board to start it again");
    else {
      if (exit.code !== EXIT_RESTART) this.#panic(exit);
      this.#restarts = uptime >= policy.steadyAfter ? 1 : this.#restarts + 1;
      if (this.#restarts <= policy.restarts) this.#restart();
      else
        note(
          `boot loop: ${policy.restarts} restarts in a row, none ran for ${policy.steadyAfter / 1000} s; giving up`,
        );
    }
  }

  #restart(): void {
    const run = this.#run;
    const delay = Math.min(this.#options.policy.firstDelay * 2 ** (this.#restarts - 1), LONGEST_DELAY);
    this.#timer = setTimeout(() => {
      if (this.#run === run) this.#boot("rst:0xc (SW_CPU_RESET)");
    }, delay);
  }

  #panic({ code, signal }: FirmwareExit): void {
    const cause = signal === null ? `exit code ${code}` : (PANIC_CAUSES[signal] ?? signal);
    this.#print(
      "",
      `Guru Meditation Error: Core  0 panic'ed (${cause}). Exception was unhandled.`,
      "",
      "Rebooting...",
    );
    this.#options.note(
      `the firmware ended with ${signal === null ? `exit code ${code}` : `signal ${signal}`}`,
    );
  }

  #print(...lines: string[]): void {
    this.#options.output(new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join("")));
  }
}
