import { describe, expect, it } from "vitest";
import { ownerIn } from "../../../flash/virtual-esp32/peer-user.ts";

const row = (local: string, remote: string, uid: number, inode = 4711) =>
  `  12: ${local} ${remote} 01 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 0000000000000000 20 4 30 10 -1`;
const HEAD =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const table = (...rows: string[]) => [HEAD, ...rows, ""].join("\n");
// 127.0.0.1:5555 listens, 127.0.0.1:50000 came
const peer = { address: "127.0.0.1", port: 50_000, localPort: 5555 };
const [SERVER, CLIENT] = ["0100007F:15B3", "0100007F:C350"];

describe("who is at the other end of a connection", () => {
  it("is the user of that end, not of ours", () => {
    const both = table(row(SERVER, CLIENT, 1000), row(CLIENT, SERVER, 1001));
    expect(ownerIn(both, peer)).toBe(1001);
  });

  it("is told apart from who has the same port at another address or another connection", () => {
    const others = [
      row("0200007F:C350", SERVER, 7),
      row(CLIENT, "0100007F:15B4", 8),
      row("0100007F:C351", SERVER, 9),
    ];
    expect(ownerIn(table(...others), peer)).toBeUndefined();
    expect(ownerIn(table(...others), { ...peer, address: "127.0.0.2" })).toBe(7);
  });

  it("is nobody where the client has gone: the table says root then, whoever it was", () => {
    expect(ownerIn(table(row(CLIENT, SERVER, 0, 0)), peer)).toBeUndefined();
  });

  it("may be a client that speaks IPv6", () => {
    const mapped = "0000000000000000FFFF0000";
    expect(
      ownerIn(table(row(mapped + CLIENT, mapped + SERVER, 1002)), { ...peer, address: "::ffff:127.0.0.1" }),
    ).toBe(1002);
  });
});
