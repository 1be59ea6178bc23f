import type { Random } from "./base/random.ts";
import type { Store } from "./store/store.ts";

/** What must outlive a restart, or what phones hold would stop being valid. */
export interface Secrets {
  /** Signs nonces: a phone's nonce is good after a restart, and on a second server with the same store. At least 16 bytes. */
  readonly nonce: Uint8Array;
  /** Signs the route tokens and GRUUs that phones carry. 16 bytes. */
  readonly route: Uint8Array;
}

const KEY = "secrets";
const BYTES = 32;

/** The secrets of this store; made on the first start. */
export function loadSecrets(store: Store, random: Random): Secrets {
  for (const record of store.load("settings")) {
    if (record.key !== KEY) continue;
    const { nonce, route } = fields(record.value);
    if (nonce !== null && route !== null) return { nonce, route };
  }
  const secrets = { nonce: Uint8Array.from(random.bytes(BYTES)), route: Uint8Array.from(random.bytes(16)) };
  store.put("settings", KEY, { nonce: hex(secrets.nonce), route: hex(secrets.route) });
  return secrets;
}

function fields(value: unknown): { nonce: Uint8Array | null; route: Uint8Array | null } {
  if (typeof value !== "object" || value === null) return { nonce: null, route: null };
  const bytes = (name: "nonce" | "route"): Uint8Array | null => {
    const text: unknown = Reflect.get(value, name);
    return typeof text === "string" && /^(?:[0-9a-f]{2}){16,}$/.test(text) ? Buffer.from(text, "hex") : null;
  };
  return { nonce: bytes("nonce"), route: bytes("route") };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
