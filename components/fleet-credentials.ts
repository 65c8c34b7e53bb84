// Which generation of credentials each device of a fleet has: by what the fleet remembers, what its manifests say, and
// the day. Asks the API server, once a namespace.
import type { FleetLedger } from "../dynamic-providers/fleet-ledger.ts";
import { readFleetLedger } from "../dynamic-providers/fleet-ledger.ts";
import type { KubernetesApi } from "../kubernetes/api.ts";
import {
  type CredentialLedger,
  type CredentialRecord,
  type CredentialWish,
  credentialFor,
  ledgerKey,
} from "../model/credential-ledger.ts";
import { today } from "../model/days.ts";
import type { Place } from "../model/former-names.ts";

export interface Holder {
  name: string;
  /** Its oldest name. */
  original: Place;
  /** Its former places, oldest first. */
  former: readonly Place[];
}

export class FleetCredentials {
  readonly #api: () => Promise<KubernetesApi>;
  readonly #namespace: string;
  readonly #ledgers = new Map<string, Promise<FleetLedger>>();
  #own: FleetLedger | undefined;

  constructor(api: () => Promise<KubernetesApi>, namespace: string) {
    this.#api = api;
    this.#namespace = namespace;
  }

  /** What the fleet remembers. */
  async known(): Promise<CredentialLedger> {
    this.#own = await this.#ledgerOf(this.#namespace);
    return this.#own.ledger;
  }

  /** The same as `recordFor` at once, where what it follows from is known by now. */
  recordNow(holder: Holder, wish: CredentialWish): CredentialRecord | undefined {
    const moved = holder.former.some(({ namespace }) => namespace !== this.#namespace);
    if (!this.#own || moved) return undefined;
    return credentialFor(
      this.key(holder.original),
      wish,
      this.#own.ledger,
      today(),
      this.#seen(this.#own, holder),
    );
  }

  key(original: Place): string {
    return ledgerKey(original, this.#namespace);
  }

  /** @throws VisibleError where the manifest's generation went down */
  async recordFor(holder: Holder, wish: CredentialWish): Promise<CredentialRecord> {
    const own = await this.#ledgerOf(this.#namespace);
    const key = this.key(holder.original);
    const ledger = await this.#withMoved(own.ledger, key, holder.original, holder.former);
    return credentialFor(key, wish, ledger, today(), this.#seen(own, holder));
  }

  /** By its present name, else by the newest former one. */
  #seen({ seen }: FleetLedger, { name, former }: Holder): number | undefined {
    const here = former.filter(({ namespace }) => namespace === this.#namespace).map((place) => place.name);
    return [name, ...here.reverse()].map((each) => seen.get(each)).find((each) => each !== undefined);
  }

  /** A device that came from another namespace is remembered there until this one's ledger is written. */
  async #withMoved(
    own: CredentialLedger,
    key: string,
    original: Place,
    former: readonly Place[],
  ): Promise<CredentialLedger> {
    if (own.devices.has(key) || own.retired.has(key)) return own;
    const elsewhere = former.map(({ namespace }) => namespace).filter((each) => each !== this.#namespace);
    for (const namespace of [...new Set(elsewhere)].reverse()) {
      const { ledger } = await this.#ledgerOf(namespace);
      const record = ledger.devices.get(ledgerKey(original, namespace));
      if (record) return { devices: new Map([[key, record]]), retired: own.retired };
    }
    return own;
  }

  #ledgerOf(namespace: string): Promise<FleetLedger> {
    const known = this.#ledgers.get(namespace);
    if (known) return known;
    const ledger = this.#api().then((api) => readFleetLedger(api, namespace));
    this.#ledgers.set(namespace, ledger);
    return ledger;
  }
}
