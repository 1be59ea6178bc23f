import { createHmac } from "node:crypto";
import type { Random } from "./base/random.ts";
import type { Store } from "./store/store.ts";

const KEY = "web";
const BYTES = 32;

/** The key that signs the sessions of the pages: kept in the store, so that a screen stays signed in through a restart; another one with another token. Without a store it lasts as long as the program. */
export function webKey(store: Pick<Store, "load" | "put" | "commit"> | undefined, random: Random, token: string | null): Uint8Array {
  return createHmac("sha256", secretOf(store, random)).update(token ?? "", "utf8").digest();
}

function secretOf(store: Pick<Store, "load" | "put" | "commit"> | undefined, random: Random): Uint8Array {
  for (const { key, value } of store?.load("settings") ?? []) if (key === KEY && typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return Buffer.from(value, "hex");
  const made = Uint8Array.from(random.bytes(BYTES));
  store?.put("settings", KEY, Buffer.from(made).toString("hex"));
  store?.commit();
  return made;
}
