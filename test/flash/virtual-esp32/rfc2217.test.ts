import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { looksLikeTelnet, Rfc2217Server, telnetEscape } from "../../../flash/virtual-esp32/rfc2217.ts";

const IAC = 255;
const SB = 250;
const SE = 240;
const WILL = 251;
const WONT = 252;
const DO = 253;
const DONT = 254;
const COM_PORT = 44;

const bytes = (...values: number[]) => Uint8Array.from(values);
const subnegotiation = (...values: number[]) => bytes(IAC, SB, COM_PORT, ...values, IAC, SE);

describe("the RFC 2217 server", () => {
  it("agrees to binary, suppressed go-ahead and the COM port option, and refuses others", () => {
    const server = new Rfc2217Server();
    expect([...server.receive(bytes(IAC, WILL, 0, IAC, DO, 3, IAC, DO, COM_PORT)).reply]).toEqual([
      ...[IAC, DO, 0],
      ...[IAC, WILL, 3],
      ...[IAC, WILL, COM_PORT],
    ]);
    expect(server.receive(bytes(IAC, DO, 1, IAC, WILL, 24)).reply).toEqual(
      bytes(IAC, WONT, 1, IAC, DONT, 24),
    );
  });

  it("answers no option twice, so that two ends never talk for ever", () => {
    const server = new Rfc2217Server();
    server.receive(bytes(IAC, WILL, 0));
    expect(server.receive(bytes(IAC, WILL, 0, IAC, DONT, 0, IAC, WONT, 0)).reply).toHaveLength(0);
  });

  it("takes the client's lines one by one, and confirms each with its own value", () => {
    const server = new Rfc2217Server();
    const { lines, reply } = server.receive(bytes(...subnegotiation(5, 9), ...subnegotiation(5, 11)));
    expect(lines).toEqual([{ dtr: false }, { rts: true }]);
    expect(reply).toEqual(bytes(...subnegotiation(105, 9), ...subnegotiation(105, 11)));
    expect(server.receive(subnegotiation(5, 7)).reply).toEqual(subnegotiation(105, 9));
    expect(server.receive(subnegotiation(5, 10)).reply).toEqual(subnegotiation(105, 11));
  });

  it("takes the baud rate and says it again", () => {
    const server = new Rfc2217Server();
    const input = server.receive(subnegotiation(1, 0, 7, 8, 0));
    expect(input.baudRate).toBe(460_800);
    expect(input.reply).toEqual(subnegotiation(101, 0, 7, 8, 0));
    expect(server.receive(subnegotiation(1, 0, 0, 0, 0)).reply).toEqual(subnegotiation(101, 0, 7, 8, 0));
  });

  it("gives the data without telnet's commands, with doubled 255 as one", () => {
    const server = new Rfc2217Server();
    const stream = bytes(1, IAC, IAC, 2, ...subnegotiation(12, 1), 3, IAC, 241, 4);
    const whole = server.receive(stream);
    expect(whole.data).toEqual(bytes(1, IAC, 2, 3, 4));
    const piecewise = new Rfc2217Server();
    expect([...stream].flatMap((byte) => [...piecewise.receive(bytes(byte)).data])).toEqual([...whole.data]);
  });

  it("carries any bytes there and back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (data) => {
        expect(new Rfc2217Server().receive(telnetEscape(data)).data).toEqual(data);
      }),
    );
  });

  it("survives any bytes, and never keeps more than a short subnegotiation", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 })), (pieces) => {
        const server = new Rfc2217Server();
        for (const piece of pieces) server.receive(piece);
      }),
    );
    const server = new Rfc2217Server();
    server.receive(bytes(IAC, SB, COM_PORT, 105));
    server.receive(new Uint8Array(1_000_000));
    expect(server.receive(bytes(IAC, SE, 7)).data).toEqual(bytes(7));
  });

  it("tells a telnet client by its first byte", () => {
    expect(looksLikeTelnet(bytes(IAC, WILL))).toBe(true);
    expect(looksLikeTelnet(bytes(0xc0, 0))).toBe(false);
    expect(looksLikeTelnet(bytes())).toBe(false);
  });
});
