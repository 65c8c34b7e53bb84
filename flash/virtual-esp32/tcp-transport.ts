// The serial port of a virtual board on a TCP port of this machine: a bare byte stream, or telnet with
// RFC 2217 when the client starts that way. Listens on 127.0.0.1 only, and there for this user's programs: whoever gets
// in can read the flash, and the passwords in it.
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { VisibleError } from "../../model/visible-error.ts";
import type { Board } from "./board.ts";
import { isOwnPeer } from "./peer-user.ts";
import { looksLikeTelnet, Rfc2217Server, telnetEscape } from "./rfc2217.ts";
import type { SerialLink } from "./serial-link.ts";

/** A client that reads nothing loses output beyond this many bytes. */
const SEND_LIMIT = 1 << 20;

/** How long a second client waits for the first to leave. */
const PATIENCE_MILLISECONDS = 500;

/** A client that has gone, in whatever manner; "close" tells the board. */
const BROKEN_OFF = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "ERR_STREAM_PREMATURE_CLOSE"]);

export interface TcpTransport {
  port: number;
  /** Nobody can connect until `plugIn`. */
  unplug(): void;
  /** Listens again on the same port. Harmless when it does already. */
  plugIn(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Serves `board` on `port`, or on a free one for 0.
 *
 * @param note told of clients that are sent away
 * @throws VisibleError when the port is taken
 */
export async function listen(
  board: Board,
  port: number,
  note: (text: string) => void,
): Promise<TcpTransport> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // a client that resets its connection has gone, no more
    if (isOurs(socket)) void serve(board, socket);
    else {
      note("a program of another user of this machine was sent away");
      socket.destroy();
    }
  });
  const chosen = await startListening(server, port);
  return {
    port: chosen,
    unplug: () => void server.close(),
    plugIn: async () => {
      if (!server.listening) await startListening(server, chosen);
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function isOurs({ remoteAddress: address, remotePort: port, localPort }: Socket): boolean {
  return address !== undefined && port !== undefined && localPort !== undefined
    ? isOwnPeer({ address, port, localPort })
    : false; // gone already
}

function startListening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(listenError(error, port));
    server.once("error", fail);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", fail);
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : port);
    });
  });
}

async function serve(board: Board, socket: Socket): Promise<void> {
  let telnet: Rfc2217Server | undefined;
  const link: SerialLink = {
    kind: "bare",
    send(bytes) {
      if (socket.destroyed || socket.writableLength > SEND_LIMIT) return;
      socket.write(telnet ? telnetEscape(bytes) : bytes);
    },
    cut: () => socket.destroy(),
  };
  if (!(await attach(board, link, socket))) {
    socket.destroy(); // a serial port has one client
    return;
  }
  socket.once("close", () => board.detach(link));
  let first = true;
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      if (first && looksLikeTelnet(chunk)) {
        telnet = new Rfc2217Server();
        link.kind = "modem";
      }
      first = false;
      if (telnet === undefined) await board.receive(link, chunk);
      else await receiveTelnet(board, link, socket, telnet.receive(chunk));
    }
  } catch (error) {
    if (!BROKEN_OFF.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

/** A client that connects again may come before the end of its last connection does. */
async function attach(board: Board, link: SerialLink, socket: Socket): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_MILLISECONDS;
  while (!socket.destroyed) {
    if (board.attach(link)) return true;
    if (performance.now() > deadline) return false;
    await sleep(10);
  }
  return false;
}

async function receiveTelnet(
  board: Board,
  link: SerialLink,
  socket: Socket,
  input: ReturnType<Rfc2217Server["receive"]>,
): Promise<void> {
  if (input.reply.length > 0 && !socket.destroyed) socket.write(input.reply);
  if (input.baudRate !== undefined) board.setBaudRate(input.baudRate);
  for (const lines of input.lines) board.setLines(lines);
  if (input.data.length > 0) await board.receive(link, input.data);
}

function listenError(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code === "EADDRINUSE") {
    return new VisibleError(`port ${port} is already in use`, {
      hint: "name another one, or 0 for a free one",
    });
  }
  if (error.code === "EACCES") return new VisibleError(`no right to listen on port ${port}`);
  return error;
}
