import type { Lamp, Registration, Session, Snapshot, Tile } from "./facts.ts";

/** What came of a call: its answer, or a status and words for people. Status 0: no server answered. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly status: number; readonly message: string };

const NO_ANSWER = "The server does not answer.";

/** Asks the server; the answer is taken to have the shape that the API documents. */
export async function ask<T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<Outcome<T>> {
  try {
    const response = await fetch(path, { method, cache: "no-store", ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }) });
    const value: unknown = await response.json();
    if (response.ok) return { ok: true, value: value as T };
    const message = typeof value === "object" && value !== null && "message" in value && typeof value.message === "string" ? value.message : `The server answered ${String(response.status)}.`;
    return { ok: false, status: response.status, message };
  } catch {
    return { ok: false, status: 0, message: NO_ANSWER };
  }
}

/** A person in a path. */
export function presencePath(aor: string, more = ""): string {
  return `api/presence/${encodeURIComponent(aor)}${more}`;
}

/** Who is signed in. */
export function askSession(): Promise<Outcome<Session>> {
  return ask<Session>("GET", "api/session");
}

/** What the server-sent events say, by their names. */
export interface EventFacts {
  readonly snapshot: Snapshot;
  readonly presence: Tile;
  readonly lamp: Lamp;
  readonly registration: Registration;
  readonly alive: unknown;
}

/** Hands on what the events of that name say. */
export function listen<K extends keyof EventFacts>(stream: EventSource, name: K, take: (fact: EventFacts[K]) => void): void {
  stream.addEventListener(name, (event: MessageEvent<unknown>) => {
    take(JSON.parse(String(event.data)) as EventFacts[K]);
  });
}
