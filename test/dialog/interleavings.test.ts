import { describe, expect, test } from "vitest";
import type { Aor } from "../../src/base/ids.ts";
import { seededRandom, type Random } from "../../src/base/random.ts";
import { lampOf } from "../../src/blf/lamp.ts";
import { isShown } from "../../src/dialog/dialog.ts";
import type { DialogTable } from "../../src/dialog/dialog-table.ts";
import type { DialogState } from "../../src/documents/dialog-info.ts";
import { memoryStore } from "../../src/store/memory-store.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { person, tableOf, TestCall } from "./calls.ts";

const USERS = ["101", "102", "103"];
const RANK: Readonly<Record<DialogState, number>> = { trying: 0, proceeding: 1, early: 2, confirmed: 3, terminated: 4 };

/** Watches a table: every dialog that was ever seen may only go on, and nothing changes without a word. */
class Witness {
  readonly #table: DialogTable;
  readonly #states = new Map<string, DialogState>();
  #shown = "";
  #isTold = false;
  readonly mistakes: string[] = [];

  constructor(table: DialogTable) {
    this.#table = table;
    this.#shown = this.#render();
    table.onChange((aor: Aor) => {
      this.#isTold = true;
      this.look(`told of ${aor}`);
    });
  }

  look(when: string): void {
    for (const user of USERS) {
      for (const { id, state } of this.#table.dialogsOf(person(user))) {
        const before = this.#states.get(id);
        if (before !== undefined && RANK[before] > RANK[state]) this.mistakes.push(`${when}: ${id} of ${user} went from ${before} back to ${state}`);
        this.#states.set(id, state);
      }
    }
  }

  /** After an event: what is shown changed if and only if listeners were told. */
  settle(log: readonly string[]): void {
    const when = log.at(-1) ?? "";
    this.look(when);
    const shown = this.#render();
    if (shown !== this.#shown && !this.#isTold) this.mistakes.push(`${when}: changed without a word`);
    if (shown === this.#shown && this.#isTold) this.mistakes.push(`${when}: told of no change`);
    this.#shown = shown;
    this.#isTold = false;
  }

  /** Time has passed: what had ended may be gone without a word. */
  forgive(): void {
    this.#shown = this.#render();
  }

  #render(): string {
    return JSON.stringify(USERS.map((user) => this.#table.dialogsOf(person(user)).filter(isShown)));
  }
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const copy = [...list];
  for (let at = copy.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    const [a, b] = [copy[at], copy[other]];
    if (a !== undefined && b !== undefined) [copy[at], copy[other]] = [b, a];
  }
  return copy;
}

/** The events of one call with up to five branches, in an order that may or may not happen; the proxy's own events are among them. */
function eventsOf(call: TestCall, random: Random): (readonly [string, () => unknown])[] {
  const events: (readonly [string, () => unknown])[] = [];
  const branches = 1 + random.below(5);
  for (let branch = 0; branch < branches; branch++) {
    const user = USERS[random.below(3)] ?? "101";
    const tag = random.below(4) === 0 ? "" : `tag-${branch}`;
    const add = (what: string, run: () => unknown): void => {
      events.push([`${what} of branch ${branch} (${user})`, run]);
    };
    for (const status of [180, 183]) if (random.below(3) > 0) add(String(status), () => call.answers(branch, user, status, random.below(3) === 0 ? "" : tag));
    const end = random.below(5);
    if (end === 0) add("486", () => call.answers(branch, user, 486, tag));
    else if (end === 1) add("487", () => call.answers(branch, user, 487, tag));
    else if (end === 2) add("no answer", () => call.loses(branch));
    else if (end === 3) {
      add("200", () => call.answers(branch, user, 200, `tag-${branch}`));
      if (random.below(2) === 0) add("the 200 again", () => call.answers(branch, user, 200, `tag-${branch}`));
      if (random.below(3) === 0) add("hold", () => call.asks("INVITE", `tag-${branch}`, { sdp: "v=0\r\nm=audio 1 RTP/AVP 0\r\na=sendonly\r\n" }));
      if (random.below(3) === 0) add("hold taken", () => call.replies("INVITE", 200, `tag-${branch}`, { sdp: "v=0\r\nm=audio 1 RTP/AVP 0\r\na=recvonly\r\n" }));
      if (random.below(6) === 0) add("481", () => call.replies("INVITE", 481, `tag-${branch}`));
    }
    if (random.below(3) === 0) add("BYE", () => call.asks("BYE", `tag-${branch}`, { by: random.below(2) === 0 ? "caller" : "callee" }));
  }
  if (random.below(10) > 0) {
    const status = [200, 486, 487, 480][random.below(4)] ?? 487;
    events.push([`the caller gets ${status}`, () => call.ends(status)]);
  }
  return events;
}

describe("whatever the order of events", () => {
  test("no dialog goes back, nothing changes without a word, and when all have hung up every lamp is dark", () => {
    for (let seed = 1; seed <= 1500; seed++) {
      const random = seededRandom(seed);
      const clock = new FakeClock();
      const store = memoryStore({ node: "a", clock });
      const { table } = tableOf({ clock, store, ageMaxMs: 600_000 });
      const witness = new Witness(table);
      const events: (readonly [string, () => unknown])[] = [];
      const calls: TestCall[] = [];
      for (let n = 1 + random.below(3); n > 0; n--) {
        // Some share Call-ID and From tag (a spiral), some the Call-ID alone.
        const shared = random.below(4);
        const ids = shared === 0 ? { callId: `shared-${seed}`, fromTag: "shared-tag" } : shared === 1 ? { callId: `shared-${seed}` } : {};
        const call = new TestCall(table, USERS[random.below(3)] ?? "101", USERS[random.below(3)] ?? "102", ids);
        witness.settle(["INVITE"]);
        calls.push(call);
        events.push(...eventsOf(call, random));
      }
      const order = random.below(3) === 0 ? events : shuffled(events, random);
      const log: string[] = [];
      for (const [what, run] of order) {
        log.push(what);
        run();
        witness.settle(log);
        if (random.below(8) === 0) clock.advance(random.below(4000));
        witness.forgive();
      }
      expect(witness.mistakes, `seed ${seed}: ${log.join(", ")}`).toEqual([]);

      // The end: every caller is told, every leg hung up.
      for (const call of calls) {
        call.ends(487);
        for (let branch = 0; branch < 5; branch++) call.asks("BYE", `tag-${branch}`);
        call.asks("BYE", "tag-of-nobody");
      }
      for (const user of USERS) {
        const dialogs = table.dialogsOf(person(user));
        expect(lampOf(dialogs), `seed ${seed}: ${log.join(", ")}`).toBe("idle");
        expect(dialogs.filter((dialog) => dialog.state !== "terminated"), `seed ${seed}`).toEqual([]);
      }
      expect([table.count, [...store.load("dialogs")].length], `seed ${seed}`).toEqual([0, 0]);
      clock.advance(10_000);
      for (const user of USERS) expect(table.dialogsOf(person(user)), `seed ${seed}`).toEqual([]);
    }
  });

  test("when nobody ever hangs up, time does: no lamp is lit for ever, nothing is left in the store", () => {
    for (let seed = 5001; seed <= 5300; seed++) {
      const random = seededRandom(seed);
      const clock = new FakeClock();
      const store = memoryStore({ node: "a", clock });
      const { table } = tableOf({ clock, store, ageMaxMs: 600_000 });
      const call = new TestCall(table, "101", "102");
      const events = eventsOf(call, random).filter(() => random.below(3) > 0);
      for (const [, run] of shuffled(events, random)) run();
      clock.advance(900_000);
      for (const user of USERS) expect(table.dialogsOf(person(user)), `seed ${seed}`).toEqual([]);
      expect([table.count, [...store.load("dialogs")].length], `seed ${seed}`).toEqual([0, 0]);
    }
  });
});

describe("the complaints of the field", () => {
  test("a 183 that comes after the 486 does not light the lamp again (kamailio #3192)", () => {
    const { table } = tableOf();
    new TestCall(table, "101", "102").answers(0, "102", 180, "t").answers(0, "102", 486, "t").answers(0, "102", 183, "t").ends(486).answers(0, "102", 180, "t");
    expect(lampOf(table.dialogsOf(person("102")))).toBe("idle");
  });

  test("the cancelled branch of a fork does not darken who talks on another device (kamailio #2906)", () => {
    const { table } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "a").answers(1, "102", 180, "b").answers(2, "103", 180, "c");
    call.isAnswered(1, "102", "b").answers(0, "102", 487, "a").answers(2, "103", 487, "c");
    expect([lampOf(table.dialogsOf(person("102"))), lampOf(table.dialogsOf(person("103")))]).toEqual(["talking", "idle"]);
  });

  test("what has ended is never told again as if it lived (kamailio #3229)", () => {
    const { table, clock, changes } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "t").isAnswered(0, "102", "t").asks("BYE", "t");
    changes.length = 0;
    call.asks("BYE", "t").answers(0, "102", 200, "t").ends(200).replies("BYE", 200, "t");
    clock.advance(3_600_000);
    expect(changes).toEqual([]);
    expect(table.dialogsOf(person("102"))).toEqual([]);
  });

  test("when the second caller of call waiting hangs up, the first call is shown as it is (freeswitch #156)", () => {
    const { table } = tableOf();
    const first = new TestCall(table, "101", "102").answers(0, "102", 180, "a").isAnswered(0, "102", "a");
    const second = new TestCall(table, "103", "102").answers(0, "102", 180, "b");
    expect(lampOf(table.dialogsOf(person("102")))).toBe("ringing");
    second.ends(487);
    expect(lampOf(table.dialogsOf(person("102")))).toBe("talking");
    first.asks("BYE", "a");
    expect(lampOf(table.dialogsOf(person("102")))).toBe("idle");
  });

  test("a second call is shown while the first is talked on, with all that a pickup needs (Asterisk notify_early_inuse_ringing)", () => {
    const { table } = tableOf();
    new TestCall(table, "101", "102").answers(0, "102", 180, "a").isAnswered(0, "102", "a");
    const second = new TestCall(table, "103", "102").answers(0, "102", 180, "b");
    const ringing = table.dialogsOf(person("102")).find((dialog) => dialog.state === "early");
    expect(ringing).toMatchObject({ callId: second.fork.callId, localTag: "b", remoteTag: second.fork.fromTag, direction: "recipient" });
    expect(table.fork(person("102"), { callId: second.fork.callId, localTag: "b", remoteTag: second.fork.fromTag })).toBe(second.fork.control);
  });
});
