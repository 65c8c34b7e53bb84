// Which user of this machine is at the other end of a loopback connection. Reads /proc/net, which only Linux has.
import { readFileSync } from "node:fs";
import { endianness } from "node:os";

export interface PeerAddress {
  /** IPv4, of the other end. */
  address: string;
  port: number;
  /** Of our own end, which listens on 127.0.0.1. */
  localPort: number;
}

/** Where sockets are listed; those of IPv6 may speak to 127.0.0.1 too. */
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];
const MAPPED = endianness() === "LE" ? "0000000000000000FFFF0000" : "00000000000000000000FFFF";
const LOOPBACK = "127.0.0.1";

/**
 * Whether this user, or root, is at the other end. True as well where the system does not tell.
 *
 * @param user of this process
 */
export function isOwnPeer(peer: PeerAddress, user: number | undefined = process.getuid?.()): boolean {
  const tables = TABLES.map(read);
  if (user === undefined || tables[0] === undefined) return true;
  const owner = tables.map((table) => table && ownerIn(table, peer)).find((found) => found !== undefined);
  return owner === user || owner === 0;
}

/** @returns undefined where nobody holds that end any longer */
export function ownerIn(table: string, { address, port, localPort }: PeerAddress): number | undefined {
  const here = `${addressDigits(address)}:${portDigits(port)}`;
  const there = `${addressDigits(LOOPBACK)}:${portDigits(localPort)}`;
  for (const line of table.split("\n")) {
    // sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode …
    const [, local, remote, , , , , uid, , inode] = line.trim().split(/\s+/);
    // without an inode no process holds it, and the user that is told is not the one that had it
    if (inode === undefined || inode === "0" || !isIt(local, here) || !isIt(remote, there)) continue;
    return Number(uid);
  }
  return undefined;
}

function isIt(found: string | undefined, wanted: string): boolean {
  return found === wanted || found === MAPPED + wanted;
}

function addressDigits(address: string): string {
  const bytes = address
    .replace(/^::ffff:/i, "")
    .split(".")
    .map((part) => Number(part).toString(16).padStart(2, "0"));
  return (endianness() === "LE" ? bytes.reverse() : bytes).join("").toUpperCase();
}

function portDigits(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
