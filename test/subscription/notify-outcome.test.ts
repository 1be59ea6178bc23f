import { describe, expect, test } from "vitest";
import type { AgentOutcome } from "../../src/agent/agent.ts";
import { Message } from "../../src/sip/message.ts";
import { notifyVerdict, retryDelayMs } from "../../src/subscription/notify-outcome.ts";

function answered(status: number, headers = ""): AgentOutcome {
  return { kind: "answered", status, response: Message.of(`SIP/2.0 ${String(status)} X\r\n${headers}\r\n`) };
}

describe("the verdict on a NOTIFY", () => {
  const table: readonly (readonly [string, AgentOutcome, object])[] = [
    ["200", answered(200), { kind: "acknowledged" }],
    ["202", answered(202), { kind: "acknowledged" }],
    ["481", answered(481), { kind: "gone" }],
    ["404", answered(404), { kind: "gone" }],
    ["410", answered(410), { kind: "suspect", retryAfterSeconds: 0 }],
    ["489", answered(489), { kind: "suspect", retryAfterSeconds: 0 }],
    ["503 with Retry-After", answered(503, "Retry-After: 18000;duration=3600\r\n"), { kind: "suspect", retryAfterSeconds: 18000 }],
    ["503 with a broken Retry-After", answered(503, "Retry-After: soon\r\n"), { kind: "suspect", retryAfterSeconds: 0 }],
    ["no answer", { kind: "timeout" }, { kind: "suspect", retryAfterSeconds: 0 }],
    ["no way", { kind: "unreachable", why: "refused" }, { kind: "suspect", retryAfterSeconds: 0 }],
  ];
  test.each(table)("%s", (_what, outcome, verdict) => {
    expect(notifyVerdict(outcome)).toEqual(verdict);
  });
});

test.each([
  [1, 0, 5],
  [2, 0, 10],
  [3, 0, 20],
  [6, 0, 160],
  [7, 0, 300],
  [1000, 0, 300],
  [1, 3, 5],
  [1, 60, 60],
  [1, 1e9, 3600],
])("after failure %i with Retry-After %i the next try is after %i s", (failures, retryAfter, seconds) => {
  expect(retryDelayMs(failures, retryAfter)).toBe(seconds * 1000);
});
