import { describe } from "vitest";
import type { DayPlan } from "./day.ts";
import { testDays, testRepeats } from "./seeds.ts";

/** Two of three phones have a connection, every second of those cannot be connected to; person 200 has three phones. */
const plan: DayPlan = { phones: ["200", "201", "202", "203", "204", "200", "200"].map((user, index) => ({ user, protocol: index % 3 === 2 ? "udp" : "tcp" })), actions: 24 };

describe("an office whose connections are cut and stall: at every quiet moment each lamp and presence equals the truth", () => {
  testDays(plan, 120);
  testRepeats(plan, 43);
});
