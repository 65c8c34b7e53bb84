// Private keys on the curve P-256 from a seed, and signatures that are the same again for the same text (RFC 6979), so
// that a certificate can be made anew instead of being kept. P-256 is what mbedTLS on an ESP32, OpenSSL and Erlang all
// take; Ed25519 is not among what mbedTLS has. Pure.
import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";

/** Bytes of a seed: 128 bits more than the curve's order, so that no key is likelier than another (FIPS 186-5, A.2.1). */
export const SEED_BYTES = 48;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;

export class P256Key {
  readonly #secret: Uint8Array;
  readonly #jwk: { kty: string; crv: string; x: string; y: string };

  /** @param seed base64, `SEED_BYTES` bytes */
  constructor(seed: string) {
    this.#secret = p256.utils.randomSecretKey(Buffer.from(seed, "base64"));
    const point = Buffer.from(p256.getPublicKey(this.#secret, false));
    const [x, y] = [point.subarray(1, 33), point.subarray(33, 65)].map((part) => part.toString("base64url"));
    this.#jwk = { kty: "EC", crv: "P-256", x: x!, y: y! };
  }

  /** SubjectPublicKeyInfo, DER. */
  get publicKey(): Buffer {
    return this.#publicObject().export({ type: "spki", format: "der" });
  }

  /** PKCS #8 in PEM form: 241 characters. */
  get pem(): string {
    const key = { ...this.#jwk, d: Buffer.from(this.#secret).toString("base64url") };
    return createPrivateKey({ key, format: "jwk" }).export({ type: "pkcs8", format: "pem" }) as string;
  }

  /** For a library that signs by Web Crypto: it names the algorithm with this, and signs with `signer`. */
  async algorithmKey(): Promise<webcrypto.CryptoKey> {
    return webcrypto.subtle.importKey("spki", this.publicKey, ALGORITHM, true, ["verify"]);
  }

  /** Web Crypto whose signatures are this key's. */
  get signer(): webcrypto.Crypto {
    const sign = async (_algorithm: unknown, _key: unknown, data: ArrayBuffer) => {
      const signature = p256.sign(new Uint8Array(data), this.#secret, { lowS: false });
      return new Uint8Array(signature).buffer;
    };
    return { subtle: { sign } } as unknown as webcrypto.Crypto;
  }

  #publicObject(): KeyObject {
    return createPublicKey({ key: this.#jwk, format: "jwk" });
  }
}
