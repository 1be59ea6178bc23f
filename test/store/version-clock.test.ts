import { expect, test } from "vitest";
import { versionClock, versionTimeMs } from "../../src/store/version-clock.ts";
import { FakeClock } from "../sim/fake-clock.ts";

test("versions grow, within a millisecond and when the wall clock goes back", () => {
  const clock = new FakeClock();
  const versions = versionClock(clock);
  const now = clock.now();
  let last = 0;
  for (let n = 0; n < 5000; n++) {
    const version = versions.next();
    expect(version).toBeGreaterThan(last);
    last = version;
  }
  expect(versionTimeMs(last)).toBeLessThan(now + 6);
  const back = versionClock(new FakeClock(now - 3_600_000));
  back.observe(last);
  expect(back.next()).toBe(last + 1);
});

test("a version carries its time, exactly, for centuries", () => {
  for (const ms of [0, 1_760_000_000_123, 8_700_000_000_000]) expect(versionTimeMs(versionClock(new FakeClock(ms)).next())).toBe(ms);
  expect(Number.isSafeInteger(versionClock(new FakeClock(8_700_000_000_000)).next())).toBe(true);
});

test("nonsense is not observed", () => {
  const clock = new FakeClock(1000);
  const versions = versionClock(clock);
  for (const nonsense of [NaN, Infinity, -1, 1e300, 0.5]) versions.observe(nonsense);
  expect(versionTimeMs(versions.next())).toBe(1000);
});
