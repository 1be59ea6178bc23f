import { expect } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { operation } from "./operations.ts";

/** Every key is as some operation left it that is not before the last acknowledged one; nothing is there that no operation made. `upTo`: how far the server may have come. */
export function expectKept(store: Store, acknowledged: number, upTo: number, what: string): void {
  const found = new Map([...store.load("bindings")].map(({ key, value }) => [key, (value as { n: number }).n]));
  const possible = new Map<string, (number | null)[]>();
  for (let number = 1; number <= upTo; number++) {
    const { key, value } = operation(number);
    const states = possible.get(key) ?? [null];
    states.push(value === null ? null : number);
    // What was acknowledged leaves one state.
    possible.set(key, number <= acknowledged ? states.slice(-1) : states);
  }
  for (const [key, states] of possible) expect(states, `${what}: ${key} after ${String(acknowledged)} acknowledged`).toContain(found.get(key) ?? null);
  for (const key of found.keys()) expect(possible.has(key), `${what}: ${key}`).toBe(true);
}
