// Telnet with the COM port option (RFC 854, RFC 2217), the server's side: a serial port over TCP whose DTR
// and RTS the client controls. Pure: bytes in, data, events and answers out.

const IAC = 255;
const DONT = 254;
const DO = 253;
const WONT = 252;
const WILL = 251;
const SB = 250;
const SE = 240;

const BINARY = 0;
const SUPPRESS_GO_AHEAD = 3;
const COM_PORT = 44;
/** Options that either side may use. ECHO is refused: a serial port does not repeat what it is sent. */
const SUPPORTED = new Set([BINARY, SUPPRESS_GO_AHEAD, COM_PORT]);

const SET_BAUDRATE = 1;
const SET_DATASIZE = 2;
const SET_PARITY = 3;
const SET_STOPSIZE = 4;
const SET_CONTROL = 5;
const NOTIFY_LINESTATE = 6;
const NOTIFY_MODEMSTATE = 7;
const SET_LINESTATE_MASK = 10;
const SET_MODEMSTATE_MASK = 11;
const PURGE_DATA = 12;
const SIGNATURE = 0;
/** The server's answer to command n is command n + 100. */
const SERVER = 100;

/** CTS, DSR and carrier present: the board is always ready. */
const MODEM_STATE = 0xb0;
const SUBNEGOTIATION_LIMIT = 256;

export interface TelnetInput {
  /** What the client sent to the serial port. */
  data: Uint8Array;
  /** What to send back at once. */
  reply: Uint8Array;
  lines: { dtr?: boolean; rts?: boolean }[];
  baudRate: number | undefined;
}

/** Whether a connection's first bytes are a telnet client's. */
export function looksLikeTelnet(bytes: Uint8Array): boolean {
  return bytes[0] === IAC;
}

/** Bytes from the serial port as they go to the client: IAC doubled. */
export function telnetEscape(data: Uint8Array): Uint8Array {
  if (!data.includes(IAC)) return data;
  return Uint8Array.from(Array.from(data).flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte])));
}

export class Rfc2217Server {
  #state: "data" | "command" | "option" | "sub" | "sub-command" = "data";
  #verb = 0;
  #sub: number[] = [];
  #agreed = new Set<string>();
  #baudRate = 115_200;
  #settings = new Map([
    [SET_DATASIZE, 8],
    [SET_PARITY, 1],
    [SET_STOPSIZE, 1],
  ]);
  #lines = { dtr: false, rts: false };

  receive(bytes: Uint8Array): TelnetInput {
    const data = new Uint8Array(bytes.length);
    let length = 0;
    const input = { reply: [] as number[], lines: [] as TelnetInput["lines"], baudRate: undefined };
    for (const byte of bytes) {
      const literal = this.#step(byte, input);
      if (literal !== undefined) data[length++] = literal;
    }
    return { ...input, data: data.subarray(0, length), reply: Uint8Array.from(input.reply) };
  }

  /** Takes one byte; returns it if it is data. */
  #step(byte: number, input: Step): number | undefined {
    switch (this.#state) {
      case "data":
        if (byte !== IAC) return byte;
        this.#state = "command";
        return undefined;
      case "command":
        if (byte === IAC) {
          this.#state = "data";
          return byte;
        }
        this.#verb = byte;
        this.#sub = [];
        this.#state = byte === SB ? "sub" : byte >= WILL ? "option" : "data";
        return undefined;
      case "option":
        this.#negotiate(byte, input);
        this.#state = "data";
        return undefined;
      case "sub":
        if (byte === IAC) this.#state = "sub-command";
        else if (this.#sub.length < SUBNEGOTIATION_LIMIT) this.#sub.push(byte);
        return undefined;
      case "sub-command":
        if (byte === IAC) {
          this.#sub.push(IAC);
          this.#state = "sub";
        } else {
          if (byte === SE) this.#subnegotiate(input);
          this.#state = "data";
        }
        return undefined;
    }
  }

  /** Agrees to what is supported, once (RFC 854: never answer an answer), and refuses the rest. */
  #negotiate(option: number, input: Step): void {
    const supported = SUPPORTED.has(option);
    const key = `${this.#verb} ${option}`;
    if (this.#agreed.has(key) || this.#verb === DONT || this.#verb === WONT) return;
    if (supported) this.#agreed.add(key);
    if (this.#verb === DO) input.reply.push(IAC, supported ? WILL : WONT, option);
    else input.reply.push(IAC, supported ? DO : DONT, option);
    if (option === COM_PORT && this.#verb === WILL) answer(input, NOTIFY_MODEMSTATE, [MODEM_STATE]);
  }

  #subnegotiate(input: Step): void {
    const [option, command, ...value] = this.#sub;
    if (option !== COM_PORT || command === undefined) return;
    switch (command) {
      case SIGNATURE:
        if (value.length === 0)
          answer(input, SIGNATURE, [...new TextEncoder().encode("edgeflock virtual board")]);
        return;
      case SET_BAUDRATE:
        this.#setBaudRate(value, input);
        return;
      case SET_DATASIZE:
      case SET_PARITY:
      case SET_STOPSIZE:
        if (value[0]) this.#settings.set(command, value[0]);
        answer(input, command, [this.#settings.get(command) ?? 0]);
        return;
      case SET_CONTROL:
        answer(input, command, [this.#control(value[0] ?? 0, input)]);
        return;
      case NOTIFY_MODEMSTATE:
        answer(input, command, [MODEM_STATE]);
        return;
      case NOTIFY_LINESTATE:
        answer(input, command, [0]);
        return;
      case PURGE_DATA:
      case SET_LINESTATE_MASK:
      case SET_MODEMSTATE_MASK:
        answer(input, command, value.slice(0, 1));
    }
  }

  #setBaudRate(value: number[], input: Step): void {
    const [a = 0, b = 0, c = 0, d = 0] = value;
    const baudRate = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    if (value.length === 4 && baudRate > 0) {
      this.#baudRate = baudRate;
      input.baudRate = baudRate;
    }
    const rate = this.#baudRate;
    answer(input, SET_BAUDRATE, [rate >>> 24, (rate >>> 16) & 255, (rate >>> 8) & 255, rate & 255]);
  }

  /** Sets or asks for a line; returns the value that confirms it. */
  #control(value: number, input: Step): number {
    switch (value) {
      case 7:
        return this.#lines.dtr ? 8 : 9;
      case 10:
        return this.#lines.rts ? 11 : 12;
      case 8:
      case 9:
        this.#lines.dtr = value === 8;
        input.lines.push({ dtr: this.#lines.dtr });
        return value;
      case 11:
      case 12:
        this.#lines.rts = value === 11;
        input.lines.push({ rts: this.#lines.rts });
        return value;
      default:
        return value; // flow control and break: confirmed, without effect
    }
  }
}

interface Step {
  reply: number[];
  lines: TelnetInput["lines"];
  baudRate: number | undefined;
}

function answer(input: Step, command: number, value: number[]): void {
  const escaped = value.flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte]));
  input.reply.push(IAC, SB, COM_PORT, command + SERVER, ...escaped, IAC, SE);
}
