// From what esptool said to a sentence for people, with the exit codes of the flash script. Pure.
import { VisibleError } from "../../model/visible-error.ts";

interface Explanation {
  pattern: RegExp;
  message: string;
  hint: string;
  exitCode: number;
}

const AGAIN = "Check cable and plug, and plug it in again: everything is written anew.";

const EXPLANATIONS: Explanation[] = [
  {
    pattern: /permission denied/i,
    message: "You may not open the port {port}.",
    hint: "Add yourself to the group that owns it (dialout or uucp) and log in again.",
    exitCode: 8,
  },
  {
    pattern: /exclusively lock|temporarily unavailable|resource busy|access is denied/i,
    message: "The port {port} is busy.",
    hint: "Close the program that uses it, a serial monitor say.",
    exitCode: 8,
  },
  {
    pattern: /MD5 of file does not match|digest mismatch/,
    message: "What the flash of the board at {port} holds now is not what was written.",
    hint: "Try again with --baud 115200; if it stays so, the board's flash is broken.",
    exitCode: 10,
  },
  {
    pattern:
      /serial exception|stopped responding|timed out|lost connection|device disconnected|input\/output error|broken pipe/i,
    message: "The connection to the board at {port} broke off.",
    hint: AGAIN,
    exitCode: 10,
  },
  {
    pattern: /failed to connect|no serial data received|wrong boot mode/i,
    message: "The board at {port} does not answer.",
    hint: "Hold its BOOT button while it is plugged in, and check that the cable carries data.",
    exitCode: 9,
  },
  {
    pattern: /could not open|doesn't exist/i,
    message: "The port {port} cannot be opened.",
    hint: "Is the board plugged in, and is that its port?",
    exitCode: 8,
  },
];

/** What went wrong; the connection that breaks while a board is written is always told as that. */
export function explainEsptool(said: string, where: { port: string; writing: boolean }): VisibleError {
  const found = EXPLANATIONS.find(({ pattern }) => pattern.test(said));
  const brokeOff =
    where.writing && found && [8, 9].includes(found.exitCode) && !/permission|busy/.test(found.message);
  const explanation = brokeOff ? EXPLANATIONS.find(({ hint }) => hint === AGAIN) : found;
  if (explanation) {
    const { message, hint, exitCode } = explanation;
    return new VisibleError(message.replace("{port}", where.port), { hint, exitCode });
  }
  const last = /fatal error occurred: *(.*)/i.exec(said)?.[1] ?? said.trim().split("\n").at(-1) ?? "";
  return new VisibleError(`esptool at ${where.port}: ${last.slice(0, 300)}`, {
    hint: "Try again, with --baud 115200.",
    exitCode: 10,
  });
}
