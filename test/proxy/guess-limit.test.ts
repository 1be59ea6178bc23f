import { expect, test } from "vitest";
import { aorOf } from "../../src/base/ids.ts";
import { guessLimit, SHARED_FACTOR } from "../../src/proxy/guess-limit.ts";
import { FakeClock } from "../sim/fake-clock.ts";

const aor = aorOf("101", "tel.example.test");
const other = aorOf("102", "tel.example.test");

test("after five wrong guesses a minute an address waits twelve seconds for each further one", () => {
  const clock = new FakeClock();
  const limit = guessLimit({ perMinute: 5, clock });
  for (let guess = 0; guess < 5; guess++) {
    expect(limit.isSlowed("10.0.0.9", aor)).toBe(false);
    limit.failed("10.0.0.9", aor);
  }
  expect(limit.isSlowed("10.0.0.9", aor)).toBe(true);
  clock.advance(11_990);
  expect(limit.isSlowed("10.0.0.9", aor)).toBe(true);
  clock.advance(20);
  expect(limit.isSlowed("10.0.0.9", aor)).toBe(false);
  limit.failed("10.0.0.9", aor);
  expect(limit.isSlowed("10.0.0.9", aor)).toBe(true);
  clock.advance(3_600_000);
  expect(limit.isSlowed("10.0.0.9", aor)).toBe(false);
});

test("the right user at another address and the same address at another user are not blocked", () => {
  const limit = guessLimit({ perMinute: 5, clock: new FakeClock() });
  for (let guess = 0; guess < 1000; guess++) if (!limit.isSlowed("10.0.0.9", aor)) limit.failed("10.0.0.9", aor);
  expect(limit.isSlowed("10.0.0.9", aor)).toBe(true);
  expect(limit.isSlowed("10.0.0.1", aor)).toBe(false);
  expect(limit.isSlowed("10.0.0.9", other)).toBe(false);
});

test("the right password gives the pair its guesses back", () => {
  const limit = guessLimit({ perMinute: 5, clock: new FakeClock() });
  for (let guess = 0; guess < 4; guess++) limit.failed("10.0.0.1", aor);
  limit.succeeded("10.0.0.1", aor);
  for (let guess = 0; guess < 4; guess++) limit.failed("10.0.0.1", aor);
  expect(limit.isSlowed("10.0.0.1", aor)).toBe(false);
});

test("many addresses together are slowed, but not the one that the user came from before", () => {
  const clock = new FakeClock();
  const limit = guessLimit({ perMinute: 5, clock });
  limit.succeeded("10.0.0.1", aor);
  let looked = 0;
  for (let host = 0; host < 1000; host++) {
    const address = `198.51.${String(host >> 8)}.${String(host & 255)}`;
    if (limit.isSlowed(address, aor)) continue;
    limit.failed(address, aor);
    looked++;
  }
  expect(looked).toBe(5 * SHARED_FACTOR);
  expect(limit.isSlowed("10.0.0.1", aor)).toBe(false);
  expect(limit.isSlowed("10.0.0.2", aor)).toBe(true);
  expect(limit.isSlowed("198.51.0.1", other)).toBe(false);
  for (let guess = 0; guess < 5; guess++) limit.failed("10.0.0.1", aor);
  expect(limit.isSlowed("10.0.0.1", aor)).toBe(true);
});

test.each([
  ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true],
  ["2001:db8::1", "2001:db8:0:0:1:2:3:4", true],
  ["::1", "::2", true],
  ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
  ["::ffff:10.0.0.1", "::ffff:10.0.0.2", false],
  ["::ffff:10.0.0.1", "10.0.0.1", true],
])("%s and %s are one guesser: %s", (first, second, isOne) => {
  const limit = guessLimit({ perMinute: 1, clock: new FakeClock() });
  limit.failed(first, aor);
  expect(limit.isSlowed(second, aor)).toBe(isOne);
});

test("the tables keep to their bounds, and a flood of pairs does not free the AoR", () => {
  const clock = new FakeClock();
  const limit = guessLimit({ perMinute: 5, clock, guessersMax: 100, knownMax: 100 });
  for (let guess = 0; guess < 50; guess++) limit.failed(`10.1.0.${String(guess)}`, aor);
  for (let host = 0; host < 10_000; host++) {
    limit.failed(`10.2.${String(host >> 8)}.${String(host & 255)}`, aor);
    limit.succeeded(`10.3.${String(host >> 8)}.${String(host & 255)}`, other);
  }
  expect(limit.isSlowed("10.9.9.9", aor)).toBe(true);
  clock.advance(120_000);
  expect(limit.isSlowed("10.9.9.9", aor)).toBe(false);
});
