import { describe, expect, test } from "vitest";
import { Action, Event, lingerMs, Machine, rows, standardTimes, State, transition } from "../../../src/sip/transaction/machine.ts";

const machines = Object.entries(Machine);
const { free, trying, proceeding, completed, confirmed, accepted } = State;

/** The diagrams of RFC 3261 §17 and RFC 6026 as paths: an event, then the state it leads to and what must (or must not) be among its actions. */
type Step = readonly [event: number, next: number, must?: number, mustNot?: number];
const paths: readonly (readonly [string, number, number, readonly Step[]])[] = [
  ["INVITE server: ringing, then 486, ACK, timer I", Machine.inviteServer, proceeding, [
    [Event.provisional, proceeding, Action.send],
    [Event.request, proceeding, Action.resend],
    [Event.failure, completed, Action.send | Action.startRetransmit | Action.startTimeout],
    [Event.retransmit, completed, Action.resend | Action.startRetransmit],
    [Event.request, completed, Action.resend],
    [Event.ack, confirmed, Action.stopRetransmit | Action.startLinger],
    [Event.linger, free, Action.end],
  ]],
  ["INVITE server: 486 that nobody acknowledges, timer H", Machine.inviteServer, proceeding, [
    [Event.failure, completed],
    [Event.timeout, free, Action.tell | Action.end],
  ]],
  ["INVITE server: 2xx, repeated by the callee, timer L", Machine.inviteServer, proceeding, [
    [Event.success, accepted, Action.send | Action.startLinger, Action.startRetransmit],
    [Event.success, accepted, Action.send],
    [Event.linger, free, Action.end],
  ]],
  ["non-INVITE server: 200, repeated on request, timer J", Machine.server, trying, [
    [Event.success, completed, Action.send | Action.startLinger],
    [Event.request, completed, Action.resend],
    [Event.linger, free, Action.end],
  ]],
  ["non-INVITE server: provisional first", Machine.server, trying, [
    [Event.provisional, proceeding, Action.send],
    [Event.request, proceeding, Action.resend],
    [Event.failure, completed, Action.send],
  ]],
  ["INVITE client: timer A, 180, 200, repeated 200, timer M", Machine.inviteClient, trying, [
    [Event.retransmit, trying, Action.resend | Action.startRetransmit],
    [Event.provisional, proceeding, Action.tell | Action.stopRetransmit | Action.stopTimeout],
    [Event.success, accepted, Action.tell | Action.startLinger, Action.acknowledge],
    [Event.success, accepted, Action.tell],
    [Event.linger, free, Action.end],
  ]],
  ["INVITE client: 486, ACK, its repetition acknowledged again, timer D", Machine.inviteClient, trying, [
    [Event.failure, completed, Action.tell | Action.acknowledge],
    [Event.failure, completed, Action.resend, Action.tell],
    [Event.linger, free, Action.end],
  ]],
  ["INVITE client: timer B", Machine.inviteClient, trying, [[Event.timeout, free, Action.tell | Action.end]]],
  ["non-INVITE client: timer E, 100, timer F", Machine.client, trying, [
    [Event.retransmit, trying, Action.resend | Action.startRetransmit],
    [Event.provisional, proceeding, Action.tell | Action.slowRetransmit],
    [Event.retransmit, proceeding, Action.resend | Action.startRetransmit],
    [Event.timeout, free, Action.tell | Action.end],
  ]],
  ["non-INVITE client: final answer, timer K", Machine.client, trying, [
    [Event.success, completed, Action.tell | Action.startLinger | Action.stopRetransmit],
    [Event.linger, free, Action.end],
  ]],
];

describe("the transaction machines follow their diagrams", () => {
  test.each(paths)("%s", (_name, machine, start, steps) => {
    let state: number = start;
    for (const [event, next, must = 0, mustNot = 0] of steps) {
      const step = transition(machine, state, event as 0);
      expect(step, `event ${event} in state ${state}`).not.toBe(-1);
      expect(step & 7).toBe(next);
      expect((step >> 3) & must).toBe(must);
      expect((step >> 3) & mustNot).toBe(0);
      state = next;
    }
  });
});

test("what a diagram does not show is ignored: repeated finals, late provisionals, ACK before the answer", () => {
  const ignored: readonly (readonly [number, number, number])[] = [
    [Machine.inviteServer, accepted, Event.request],
    [Machine.inviteServer, accepted, Event.failure],
    [Machine.inviteServer, completed, Event.provisional],
    [Machine.inviteServer, completed, Event.success],
    [Machine.inviteServer, proceeding, Event.ack],
    [Machine.inviteServer, confirmed, Event.retransmit],
    [Machine.server, completed, Event.success],
    [Machine.server, trying, Event.request],
    [Machine.inviteClient, completed, Event.provisional],
    [Machine.inviteClient, completed, Event.success],
    [Machine.inviteClient, accepted, Event.failure],
    [Machine.client, completed, Event.success],
    [Machine.client, completed, Event.retransmit],
  ];
  for (const [machine, state, event] of ignored) expect(transition(machine, state, event as 0), `${machine} ${state} ${event}`).toBe(-1);
});

test("no row stands twice, and every row's transaction can come to its end", () => {
  const seen = new Set(rows.map((row) => `${row.machine}/${row.state}/${row.event}`));
  expect(seen.size).toBe(rows.length);
  for (const [name, machine] of machines) {
    for (const state of new Set(rows.filter((row) => row.machine === machine).map((row) => row.state))) {
      const reached = new Set<number>([state]);
      for (let grew = true; grew; ) {
        grew = false;
        for (const row of rows) {
          if (row.machine === machine && reached.has(row.state) && !reached.has(row.next)) {
            reached.add(row.next);
            grew = true;
          }
        }
      }
      expect(reached.has(free), `${name} from ${state}`).toBe(true);
    }
  }
});

test("linger times are those of RFC 3261 table 4 and RFC 6026", () => {
  expect(lingerMs(Machine.inviteServer, accepted, false, standardTimes)).toBe(32_000);
  expect(lingerMs(Machine.inviteServer, accepted, true, standardTimes)).toBe(32_000);
  expect(lingerMs(Machine.inviteServer, confirmed, false, standardTimes)).toBe(5000);
  expect(lingerMs(Machine.inviteServer, confirmed, true, standardTimes)).toBe(0);
  expect(lingerMs(Machine.server, completed, false, standardTimes)).toBe(32_000);
  expect(lingerMs(Machine.server, completed, true, standardTimes)).toBe(0);
  expect(lingerMs(Machine.inviteClient, completed, false, standardTimes)).toBe(32_000);
  expect(lingerMs(Machine.client, completed, false, standardTimes)).toBe(5000);
});
