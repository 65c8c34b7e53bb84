// Ends builds when the engine says that its update is cancelled. A terminal's Ctrl-C comes to the engine alone: it starts
// providers in process groups of their own, tells them by a call, and waits for what is under way. Pulumi's host of
// dynamic providers answers that call and does nothing. Listens to this process's own HTTP/2 server.
import { subscribe } from "node:diagnostics_channel";
import { cancelWork } from "../builders/interruption.ts";

/** Set where builds that have begun are to come to their end: nobody sits at a terminal, and the next update needs them. */
export const FINISH_BUILDS_VARIABLE = "EDGEFLOCK_FINISH_BUILDS";

const CANCEL = "/pulumirpc.ResourceProvider/Cancel";
let listening = false;

/** Once a process. */
export function endWorkOnCancel(): void {
  if (listening || process.env[FINISH_BUILDS_VARIABLE]) return;
  listening = true;
  // https://nodejs.org/api/diagnostics_channel.html: a request, however its server handles it
  subscribe("http2.server.stream.start", (message) => {
    const { headers } = message as { headers: Record<string, unknown> };
    if (headers[":path"] === CANCEL) cancelWork();
  });
}
