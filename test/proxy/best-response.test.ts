import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { bestResponse } from "../../src/proxy/best-response.ts";

const best = (...statuses: number[]): number | null => bestResponse(statuses.map((status) => ({ status, text: "" })))?.status ?? null;

test.each([
  ["none", [], null],
  ["one", [404], 404],
  ["6xx before all", [302, 404, 486, 503, 603], 603],
  ["the first of several 6xx", [604, 600], 604],
  ["the lowest class", [500, 404, 302], 302],
  ["what the caller can mend before what he cannot", [404, 486, 484], 484],
  ["a challenge", [486, 407], 407],
  ["the first among equals", [486, 480, 404], 486],
  ["a phone's own word before a time-out", [408, 486], 486],
  ["a phone's own word before our CANCEL's 487", [487, 480], 480],
  ["487 before a time-out", [408, 487], 487],
  ["any 5xx before 503", [503, 500], 500],
  ["4xx before 503", [503, 408], 408],
] as const)("%s: of %j the caller gets %s", (_name, statuses, expected) => {
  expect(best(...statuses)).toBe(expected);
});

test("never a worse class, whatever the order (seeded)", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = seededRandom(seed);
    const statuses = Array.from({ length: 1 + random.below(8) }, () => 300 + random.below(400));
    const lowest = Math.min(...statuses.map((status) => Math.floor(status / 100)));
    const chosen = Math.floor((best(...statuses) ?? 0) / 100);
    expect(chosen, `seed ${seed}: ${statuses.join()}`).toBe(statuses.some((status) => status >= 600) ? 6 : lowest);
  }
});
