// Annotations on objects that several parts write or read: a device's Secret, and the Lease of its board. Pure.

/** On a device's Secret: which generation of credentials it holds and since when, as `deviceRecordText` says it. */
export const CREDENTIALS_ANNOTATION = "edgeflock.io/credentials";
/** On a device's Secret: SHA-256 of `config.bin`. On a Lease: of the one that was flashed. */
export const CONFIG_DIGEST_ANNOTATION = "edgeflock.io/config-digest";
/** On a device's Secret: digest of the settings, which the firmware announces as `edgeflock/config`. */
export const SETTINGS_DIGEST_ANNOTATION = "edgeflock.io/settings-digest";
/**
 * On a device's Secret: generation of the MQTT credential that is in `config.bin`, which may be encrypted. On a Lease:
 * of the one that was flashed.
 */
export const GENERATION_ANNOTATION = "edgeflock.io/credential-generation";

/** On a device's Secret: the topic below which it publishes and announces itself. */
export const TOPIC_ANNOTATION = "edgeflock.io/mqtt-topic";

/** On a Namespace: fingerprint of the root key that the credentials in it derive from. */
export const ROOT_KEY_ANNOTATION = "edgeflock.io/root-key";

/** On a Namespace that was adopted from another stack: which, as `<project>/<stack>`. What is not in it bears its token. */
export const ADOPTED_FROM_ANNOTATION = "edgeflock.io/adopted-from";

/** What {@link GENERATION_ANNOTATION} says; undefined where it is not there, or is none. */
export function generationIn(annotations: Record<string, string | null> | undefined): number | undefined {
  const text = annotations?.[GENERATION_ANNOTATION] ?? "";
  return /^[1-9]\d{0,6}$/.test(text) ? Number(text) : undefined;
}
