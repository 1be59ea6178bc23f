import { expect, test } from "vitest";
import { UnavailableError } from "../../src/base/errors.ts";
import { memoryStore } from "../../src/store/memory-store.ts";
import type { Store } from "../../src/store/store.ts";
import { FakeClock } from "../sim/fake-clock.ts";

const keys = (store: Store): readonly string[] => [...store.load("bindings")].map(({ key }) => key);

test("what was written is found by the next server, as a copy, with growing versions", () => {
  const clock = new FakeClock();
  const store = memoryStore({ node: "laurel", clock });
  const value = { contacts: [1] };
  store.put("bindings", "a", value);
  store.put("presence", "a", 1);
  store.put("bindings", "b", 2);
  store.delete("bindings", "b");
  const [record, ...others] = store.crashed().load("bindings");
  expect(others).toEqual([]);
  expect(record).toMatchObject({ key: "a", value: { contacts: [1] }, node: "laurel" });
  expect(record?.value).not.toBe(value);
  clock.advance(-3_600_000);
  const next = store.crashed();
  next.put("bindings", "a", 3);
  expect([...next.load("bindings")][0]?.version).toBeGreaterThan(record?.version ?? Infinity);
});

test("a stalled store loses what was not flushed, and tells when it works again", async () => {
  const store = memoryStore({ node: "laurel", clock: new FakeClock() });
  store.put("bindings", "a", 1);
  await store.flushed();
  store.stall();
  store.put("bindings", "b", 1);
  let isFlushed = false;
  const flushed = store.flushed().then(() => {
    isFlushed = true;
  });
  await Promise.resolve();
  expect(isFlushed).toBe(false);
  expect(keys(store.crashed())).toEqual(["a"]);
  const other = memoryStore({ node: "laurel", clock: new FakeClock() });
  other.stall();
  other.put("bindings", "b", 1);
  const waited = other.flushed();
  other.resume();
  await waited;
  expect(keys(other)).toEqual(["b"]);
  void flushed;
});

test("a failing store rejects, keeps the writes, and does them once it works", async () => {
  const store = memoryStore({ node: "laurel", clock: new FakeClock() });
  store.fail();
  store.put("bindings", "a", 1);
  await expect(store.flushed()).rejects.toThrow(UnavailableError);
  store.resume();
  await store.flushed();
  expect(keys(store)).toEqual(["a"]);
  await store.close();
  store.put("bindings", "b", 1);
  await expect(store.flushed()).rejects.toThrow(UnavailableError);
});
