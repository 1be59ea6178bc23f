import { expect, test } from "vitest";
import { grantedSeconds } from "../../src/subscription/lifetime.ts";

const limits = { defaultSeconds: 3600, minSeconds: 60, maxSeconds: 7200 };

test.each([
  [-1, 3600],
  [0, 0],
  [1, 423],
  [59, 423],
  [60, 60],
  [7200, 7200],
  [7201, 7200],
  [9_999_999_999, 7200],
  [NaN, 400],
])("Expires %d gives %d", (asked, wanted) => {
  const given = grantedSeconds(asked, limits);
  expect(typeof given === "number" ? given : given.status).toBe(wanted);
});
