import { expect, test } from "vitest";
import { UnavailableError } from "../../src/base/errors.ts";
import { memoryStore } from "../../src/store/memory-store.ts";
import { STALL_MS, type Store } from "../../src/store/store.ts";
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

test("what was put is lost in a crash before the commit, and kept after it", async () => {
  const store = memoryStore({ node: "laurel", clock: new FakeClock(), holdsUntilCommit: true });
  store.put("bindings", "a", 1);
  store.commit();
  store.put("bindings", "b", 1);
  await Promise.resolve();
  store.put("bindings", "c", 1);
  expect(keys(store.crashed())).toEqual(["a", "b"]);
});

test("a server that dies within a commit leaves its beginning", () => {
  const store = memoryStore({ node: "laurel", clock: new FakeClock(), holdsUntilCommit: true });
  let crashes = 0;
  store.crashAfter(2, () => crashes++);
  for (const key of ["a", "b", "c"]) store.put("bindings", key, 1);
  store.commit();
  store.put("bindings", "d", 1);
  store.commit();
  expect(crashes).toBe(1);
  expect(keys(store.crashed())).toEqual(["a", "b"]);
});

test("with full durability a stall refuses after its limit, then at once; fast it never does", () => {
  const clock = new FakeClock();
  const answers: boolean[] = [];
  const store = memoryStore({ node: "laurel", clock, durability: "full" });
  const ask = (): void => {
    store.kept((isKept) => answers.push(isKept));
  };
  ask();
  expect(answers).toEqual([true]);
  store.stall();
  ask();
  expect(answers).toEqual([true]);
  clock.advance(STALL_MS);
  expect(answers).toEqual([true, false]);
  expect(store.health().isStalled).toBe(true);
  ask();
  expect(answers).toEqual([true, false, false]);
  store.resume();
  ask();
  expect(answers.at(-1)).toBe(true);
  const fast = memoryStore({ node: "laurel", clock });
  fast.stall();
  expect(fast.isImmediate).toBe(true);
  fast.kept((isKept) => answers.push(isKept));
  expect(answers.at(-1)).toBe(true);
});
