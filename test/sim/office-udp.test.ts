import { describe } from "vitest";
import type { DayPlan } from "./day.ts";
import { testDays, testRepeats } from "./seeds.ts";

/** Person 200 has three phones: his calls fork, and two of three branches are cancelled. */
const plan: DayPlan = { phones: ["200", "201", "202", "203", "204", "200", "200"].map((user) => ({ user, protocol: "udp" })), actions: 24 };

describe("an office in a storm of datagrams: at every quiet moment each lamp and presence equals the truth", () => {
  testDays(plan, 120);
  testRepeats(plan, 42);
});
