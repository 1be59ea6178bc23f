import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { TextStore } from "../../../src/sip/transaction/text-store.ts";

const LENGTH_MAX = 65_535;

describe("kept texts", () => {
  test.each([0, 1, 511, 512, 513, 1024, 1025, 4096, 4097, 32_768, 32_769, 65_534, LENGTH_MAX])("of %i bytes come back whole", (length) => {
    const store = new TextStore();
    const text = Array.from({ length }, (_, index) => String.fromCharCode(index & 0xff)).join("");
    const id = store.keep(text);
    expect(id).not.toBe(0);
    expect(store.read(id)).toBe(text);
    expect(store.count).toBe(1);
    store.drop(id);
    expect(store.count).toBe(0);
  });

  test.each([LENGTH_MAX + 1, 100_000, 1 << 20])("of %i bytes are not taken", (length) => {
    const store = new TextStore();
    expect(store.keep("x".repeat(length))).toBe(0);
    expect([store.count, store.read(0)]).toEqual([0, ""]);
    store.drop(0);
    expect(store.count).toBe(0);
  });

  test.each([1, 2, 3, 4, 5])("random keeping, reading and dropping agrees with a Map, seed %i", (seed) => {
    const random = seededRandom(seed);
    const store = new TextStore();
    const model = new Map<number, string>();
    let bytesAtPeak = 0;
    for (let round = 0; round < 8000; round++) {
      const ids = [...model.keys()];
      const chosen = ids[random.below(Math.max(1, ids.length))];
      if (chosen !== undefined && (model.size > 300 || random.below(5) < 2)) {
        expect(store.read(chosen), `seed ${seed}, round ${round}`).toBe(model.get(chosen));
        store.drop(chosen);
        model.delete(chosen);
      } else {
        const length = random.below(10) === 0 ? random.below(LENGTH_MAX + 1) : random.below(3000);
        const text = String.fromCharCode(random.below(256)).repeat(length) + String.fromCharCode(round & 0xff);
        if (text.length > LENGTH_MAX) continue;
        const id = store.keep(text);
        expect(model.has(id) || id === 0, `an id that is in use, seed ${seed}, round ${round}`).toBe(false);
        model.set(id, text);
      }
      expect(store.count).toBe(model.size);
      bytesAtPeak = Math.max(bytesAtPeak, store.bytes);
    }
    for (const [id, text] of model) expect(store.read(id), `seed ${seed}`).toBe(text);
    for (const id of model.keys()) store.drop(id);
    expect([store.count, store.bytes], `seed ${seed}`).toEqual([0, bytesAtPeak]);
  });

  test("what was dropped is used again: a hundred thousand texts, a hundred at a time, take one page a size", () => {
    const store = new TextStore();
    for (let round = 0; round < 1000; round++) {
      const ids = Array.from({ length: 100 }, (_, index) => store.keep(index % 2 === 0 ? "short" : "x".repeat(600)));
      for (const id of ids) store.drop(id);
    }
    expect([store.count, store.bytes]).toEqual([0, 2 << 20]);
  });
});
