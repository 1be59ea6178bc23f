import { expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { COUNT_WINDOW, NonceCounts } from "../../../src/sip/digest/nonce-counts.ts";
import { createNonces, NONCE_VALIDITY_MS } from "../../../src/sip/digest/nonces.ts";
import { FakeClock } from "../../sim/fake-clock.ts";

const secret = Buffer.alloc(32, 1);

test("a nonce is fresh for five minutes, then expired", () => {
  const clock = new FakeClock();
  const nonces = createNonces({ clock, random: seededRandom(1), secret });
  const nonce = nonces.issue();
  expect(nonces.check(nonce)).toBe("fresh");
  clock.advance(NONCE_VALIDITY_MS - 1);
  expect(nonces.check(nonce)).toBe("fresh");
  clock.advance(1);
  expect(nonces.check(nonce)).toBe("expired");
});

test("a second server with the same secret accepts it, one with another secret does not", () => {
  const clock = new FakeClock();
  const nonce = createNonces({ clock, random: seededRandom(1), secret }).issue();
  const ahead = new FakeClock(clock.now() - 30_000);
  expect(createNonces({ clock: ahead, random: seededRandom(2), secret }).check(nonce)).toBe("fresh");
  expect(createNonces({ clock, random: seededRandom(2), secret: Buffer.alloc(32, 2) }).check(nonce)).toBe("foreign");
});

test("every changed character makes a nonce foreign", () => {
  const nonces = createNonces({ clock: new FakeClock(), random: seededRandom(1), secret });
  const nonce = nonces.issue();
  for (let at = 0; at < nonce.length; at++) {
    const other = nonce.slice(0, at) + (nonce[at] === "0" ? "1" : "0") + nonce.slice(at + 1);
    expect(nonces.check(other), other).toBe("foreign");
  }
  for (const other of ["", nonce + "0", nonce.slice(1), nonce.toUpperCase() + "x", "\xff".repeat(39)]) expect(nonces.check(other)).toBe("foreign");
});

test("100,000 that are made up, or are others in one or two places, are all foreign (seeded)", () => {
  const seed = 20_261_121;
  const random = seededRandom(seed);
  const nonces = createNonces({ clock: new FakeClock(), random: seededRandom(1), secret });
  const real = nonces.issue();
  const alphabet = [...new Set(Array.from({ length: 50 }, () => nonces.issue()).join(""))];
  const letter = (): string => alphabet[random.below(alphabet.length)] ?? "";
  const accepted: string[] = [];
  for (let round = 0; round < 100_000; round++) {
    const letters = round % 2 === 0 ? Array.from({ length: round % 4 === 0 ? real.length : random.below(80) }, letter) : [...real];
    if (round % 2 === 1) for (let change = 0; change <= random.below(2); change++) letters[random.below(letters.length)] = letter();
    const forged = letters.join("");
    if (forged !== real && nonces.check(forged) !== "foreign") accepted.push(`round ${String(round)}: ${forged}`);
  }
  expect(accepted, `seed ${String(seed)}`).toEqual([]);
});

test("no two of 100,000 nonces are alike", () => {
  const nonces = createNonces({ clock: new FakeClock(), random: seededRandom(1), secret });
  expect(new Set(Array.from({ length: 100_000 }, () => nonces.issue())).size).toBe(100_000);
});

test.each([
  ["in order", [1, 2, 3], [true, true, true]],
  ["a replay", [1, 1], [true, false]],
  ["late within the window", [70, 7, 7, 69, 70], [true, true, false, true, false]],
  ["late beyond the window", [70, 6], [true, false]],
  ["a long jump", [1, 1_000_000, 1, 999_999], [true, true, false, true]],
  ["the first count need not be 1", [5, 1], [true, true]],
  ["nought", [0], [false]],
  ["the largest", [0xffffffff, 0xffffffff, 0xfffffffe], [true, false, true]],
])("counts: %s", (_, counts, expected) => {
  const table = new NonceCounts(new FakeClock(), NONCE_VALIDITY_MS);
  expect(counts.map((count) => table.use(1, 0, count))).toEqual(expected);
});

test("the window agrees with a set of all used counts, whatever the order", () => {
  const seed = 99;
  const random = seededRandom(seed);
  const table = new NonceCounts(new FakeClock(), NONCE_VALIDITY_MS);
  const used = new Set<number>();
  let highest = 0;
  for (let round = 0; round < 20_000; round++) {
    const count = Math.max(1, highest - 80 + random.below(100));
    const expected = highest === 0 || (count > highest - COUNT_WINDOW && !used.has(count));
    expect(table.use(1, 0, count), `seed ${seed} round ${round} count ${count}`).toBe(expected);
    if (expected) used.add(count);
    highest = Math.max(highest, expected ? count : 0);
  }
});

test("at the bound the oldest nonces go, and what may have been forgotten is refused", () => {
  const clock = new FakeClock();
  const table = new NonceCounts(clock, NONCE_VALIDITY_MS, 5000);
  const issued: number[] = [];
  for (let identity = 0; identity < 12_000; identity++) {
    clock.advance(1);
    issued.push(clock.now());
    expect(table.use(identity * 7919, clock.now(), 1)).toBe(true);
  }
  expect(table.size).toBe(5000);
  for (let identity = 0; identity < 12_000; identity++) {
    expect(table.use(identity * 7919, issued[identity] ?? 0, 1), `replay of ${identity}`).toBe(false);
    if (identity >= 7000) expect(table.use(identity * 7919, issued[identity] ?? 0, 2)).toBe(true);
  }
  expect(table.use(1, clock.now(), 1)).toBe(true);
});

test("expired nonces leave the table as new ones come", () => {
  const clock = new FakeClock();
  const table = new NonceCounts(clock, 1000);
  for (let identity = 0; identity < 3000; identity++) table.use(identity, clock.now(), 1);
  clock.advance(1001);
  for (let identity = 0; identity < 3000; identity++) table.use(10_000 + identity, clock.now(), 1);
  expect(table.size).toBe(3000);
  for (let identity = 0; identity < 10; identity++) {
    clock.advance(500);
    table.use(20_000 + identity, clock.now(), 1);
  }
  expect(table.size).toBeLessThan(3000);
});
