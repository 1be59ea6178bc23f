import { expect, test } from "vitest";
import { endState } from "../../src/subscription/subscription.ts";

test.each([
  ["timeout", "terminated;reason=timeout"],
  ["noresource", "terminated;reason=noresource"],
  ["rejected", "terminated;reason=rejected"],
  ["deactivated", "terminated;reason=deactivated"],
  ["invariant", "terminated;reason=invariant"],
  ["probation", "terminated;reason=probation;retry-after=60"],
  ["giveup", "terminated;reason=giveup;retry-after=300"],
] as const)("a subscription that ends by %s says %s", (reason, state) => {
  expect(endState(reason)).toBe(state);
});
