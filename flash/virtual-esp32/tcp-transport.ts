// The serial port of a virtual board on a TCP port of this machine: a bare byte stream, or telnet with
// RFC 2217 when the client starts that way. Listens on 127.0.0.1 only.
import { createServer, type Server, type Socket } from "node:net";
import { VisibleError } from "../../model/visible-error.ts";
import type { Board } from "./board.ts";
import { looksLikeTelnet, Rfc2217Server, telnetEscape } from "./rfc2217.ts";
import type { SerialLink } from "./serial-link.ts";

/** A client that reads nothing loses output beyond this many bytes. */
const SEND_LIMIT = 1 << 20;

export interface TcpTransport {
  port: number;
  close(): Promise<void>;
}

/** Serves `board` on `port`, or on a free one for 0. @throws VisibleError when the port is taken. */
export function listen(board: Board, port: number): Promise<TcpTransport> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    void serve(board, socket);
  });
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(error, port)));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      resolve({
        port: typeof address === "object" && address ? address.port : port,
        close: () => closeServer(server, sockets),
      });
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
  socket.on("error", () => {}); // a client that resets its connection has gone, no more
  if (!board.attach(link)) {
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
  } catch {
    // The connection broke off; "close" tells the board.
  }
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

function closeServer(server: Server, sockets: Set<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}
