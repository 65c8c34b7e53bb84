// What a manifest was called before (`spec.formerly`), and the name that its credentials derive from. Pure; touches nothing.

/** Where something is, or was: its Kubernetes namespace and its name. */
export interface Place {
  namespace: string;
  name: string;
}

export interface FormerNames {
  /** The oldest name: what is derived from a name derives from this one for ever. */
  original: Place;
  /** All former names, oldest first. */
  former: Place[];
}

/**
 * @param formerly as in a manifest, oldest first: `name`, or `namespace/name` for one in another namespace
 * @param now the present name
 */
export function formerNames(formerly: readonly string[], now: Place): FormerNames {
  const former = formerly.map((text) => formerPlace(text, now.namespace));
  return { original: former[0] ?? now, former };
}

/** Reads one entry of `formerly`. */
export function formerPlace(text: string, namespace: string): Place {
  const [first = "", second] = text.split("/");
  return second === undefined ? { namespace, name: first } : { namespace: first, name: second };
}
