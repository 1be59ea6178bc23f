import { describe, expect, test } from "vitest";
import type { Aor } from "../../src/base/ids.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { dialogSource } from "../../src/presence/dialog-source.ts";
import type { PresenceDocument } from "../../src/presence/document.ts";
import { presenceService, reportsPerSourceMax, type PresenceService } from "../../src/presence/presence-service.ts";
import { registrationSource, type RegistrationSource } from "../../src/presence/registration-source.ts";
import type { SourceReport } from "../../src/presence/report.ts";
import { memoryStore } from "../../src/store/memory-store.ts";
import type { Store } from "../../src/store/store.ts";
import { person, tableOf, TestCall } from "../dialog/calls.ts";
import { FakeClock } from "../sim/fake-clock.ts";

interface World {
  readonly clock: FakeClock;
  readonly table: ReturnType<typeof tableOf>["table"];
  readonly registrations: RegistrationSource;
  readonly presence: PresenceService;
  /** What listeners were told: `101 open On the phone` … */
  readonly told: string[];
}

function worldOf(options: { readonly isWatched?: (aor: Aor) => boolean; readonly store?: Store; readonly clock?: FakeClock } = {}): World {
  const clock = options.clock ?? new FakeClock();
  const { table } = tableOf({ clock });
  const registrations = registrationSource({ clock, ...(options.store === undefined ? {} : { store: options.store }) });
  const presence = presenceService({
    clock,
    wheel: new TimerWheel(clock),
    settings: { primarySource: "calendar", early: "ringing", basicFrom: "reachability" },
    sources: [dialogSource(table), registrations],
    log: silentLog,
  });
  const told: string[] = [];
  presence.onChange((_, document) => {
    told.push(inShort(document));
  }, options.isWatched);
  return { clock, table, registrations, presence, told };
}

function inShort({ aor, basic, note }: PresenceDocument): string {
  return `${aor.slice(4, 7)} ${basic} ${note}`;
}

function published(user: string, key: string, note: string, at: number, until: number, basic: "open" | "closed" = "open"): SourceReport {
  return { source: "publish", presentity: person(user), key, kind: "publish", basic, activities: note === "" ? [] : [{ name: "away" }], ...(note === "" ? {} : { note }), publishedAt: at, until };
}

describe("a person's one state", () => {
  test("a call alone moves it to on-the-phone and back, at once, a change at a time", () => {
    const { table, registrations, told, presence } = worldOf();
    registrations.changed(person("102"), true);
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "t").answers(0, "102", 183, "t").isAnswered(0, "102", "t");
    expect(told.filter((line) => line.startsWith("102"))).toEqual(["102 open Available", "102 open Ringing", "102 open On the phone"]);
    expect(told.filter((line) => line.startsWith("101"))).toEqual(["101 open On the phone"]);
    call.asks("BYE", "t");
    expect(told.slice(-2).toSorted()).toEqual(["101 closed Offline", "102 open Available"]);
    expect(inShort(presence.status(person("102")))).toBe("102 open Available");
  });

  test("it lapses by itself when its report does, at that moment", () => {
    const { clock, presence, told } = worldOf();
    const now = clock.now();
    presence.report(published("101", "a", "Lunch", now, now + 60_000));
    clock.advance(59_900);
    expect(told).toEqual(["101 open Lunch"]);
    clock.advance(120);
    expect(told).toEqual(["101 open Lunch", "101 closed Offline"]);
  });

  test("a report that says the same again tells nobody; a loser's neither", () => {
    const { clock, table, presence, told } = worldOf();
    const now = clock.now();
    presence.report(published("102", "a", "Lunch", now, now + 60_000));
    presence.report(published("102", "a", "Lunch", now, now + 120_000));
    new TestCall(table, "carrier", "102").answers(0, "102", 180, "t").isAnswered(0, "102", "t");
    presence.report(published("102", "a", "Away", now + 1, now + 120_000));
    expect(told).toEqual(["102 open Lunch", "102 open Ringing", "102 open On the phone"]);
  });

  test("what says the same is the same object, and its time stays", () => {
    const { clock, presence } = worldOf();
    const now = clock.now();
    presence.report(published("101", "a", "Lunch", now, now + 60_000));
    const first = presence.status(person("101"));
    clock.advance(1000);
    presence.report(published("101", "a", "Lunch", now, now + 90_000));
    expect(presence.status(person("101"))).toBe(first);
    presence.report(published("101", "b", "Lunch", clock.now(), now + 90_000));
    expect(presence.status(person("101"))).toBe(first);
  });

  test("a person whom nobody watches is not computed until asked for, and is right then", () => {
    const watched = new Set<Aor>();
    const { clock, table, registrations, presence, told } = worldOf({ isWatched: (aor) => watched.has(aor) });
    registrations.changed(person("102"), true);
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "t");
    expect(told).toEqual([]);
    expect(inShort(presence.status(person("102")))).toBe("102 open Ringing");
    call.isAnswered(0, "102", "t");
    expect(inShort(presence.status(person("102")))).toBe("102 open On the phone");
    watched.add(person("102"));
    call.asks("BYE", "t");
    expect(told).toEqual(["102 open Available"]);
    watched.delete(person("102"));
    presence.report(published("102", "a", "Lunch", clock.now(), clock.now() + 1000));
    expect(inShort(presence.status(person("102")))).toBe("102 open Lunch");
    clock.advance(1100);
    expect(inShort(presence.status(person("102")))).toBe("102 open Available");
    expect(told).toHaveLength(1);
  });

  test("someone whom no source knows is offline, and why says so", () => {
    const { presence } = worldOf();
    expect(presence.status(person("150"))).toMatchObject({ basic: "closed", note: "Offline", activities: [] });
    expect(presence.why(person("150")).inputs).toMatchObject([{ rank: 7, won: true }]);
  });

  test("why names every input, the winner first", () => {
    const { clock, table, registrations, presence } = worldOf();
    registrations.changed(person("102"), true);
    presence.report(published("102", "a", "Lunch", clock.now(), clock.now() + 1000));
    new TestCall(table, "101", "102").isAnswered(0, "102", "t");
    expect(presence.why(person("102")).inputs.map(({ report, won }) => `${report.source} ${won}`)).toEqual(["dialog true", "publish false", "registration false"]);
    expect(presence.why(person("102"), clock.now() + 2000).inputs.find(({ report }) => report.source === "publish")?.rank).toBeNull();
  });

  test("one person's reports of one source are bounded; lapsed ones make room", () => {
    const { clock, presence } = worldOf();
    const now = clock.now();
    for (let n = 0; n < reportsPerSourceMax; n++) expect(presence.report(published("101", `p${n}`, "x", now, now + 1000))).toBe(true);
    expect(presence.report(published("101", "one-more", "x", now, now + 1000))).toBe(false);
    expect(presence.report(published("101", "p0", "y", now, now + 1000))).toBe(true);
    clock.advance(1100);
    expect(presence.report(published("101", "one-more", "z", clock.now(), clock.now() + 1000))).toBe(true);
  });

  test("a listener that fails harms no other", () => {
    const { presence, registrations, told } = worldOf();
    presence.onChange(() => {
      throw new Error("a mistake of ours");
    });
    const after: string[] = [];
    presence.onChange((_, document) => after.push(inShort(document)));
    registrations.changed(person("101"), true);
    expect([told, after]).toEqual([["101 open Available"], ["101 open Available"]]);
  });

  test("a person who is no longer ours loses what was published for him", () => {
    const { clock, presence, registrations, told } = worldOf();
    registrations.changed(person("101"), true);
    presence.report(published("101", "a", "Lunch", clock.now(), clock.now() + 1000));
    registrations.forget(person("101"));
    presence.forget(person("101"));
    expect(told.at(-1)).toBe("101 closed Offline");
    clock.advance(5000);
    expect(inShort(presence.status(person("101")))).toBe("101 closed Offline");
  });
});

describe("registrations", () => {
  test("register and unregister are open and closed; a second binding is no news", () => {
    const { registrations, told } = worldOf();
    registrations.changed(person("101"), true);
    registrations.changed(person("101"), true);
    registrations.changed(person("101"), false);
    expect(told).toEqual(["101 open Available", "101 closed Offline"]);
  });

  test("who said closed stays closed through a restart, though his phone is still registered", () => {
    const clock = new FakeClock();
    const store = memoryStore({ node: "a", clock });
    const before = worldOf({ clock, store });
    before.registrations.changed(person("101"), true);
    clock.advance(1000);
    const offline = published("101", "a", "", clock.now(), clock.now() + 3_600_000, "closed");
    before.presence.report(offline);
    expect(inShort(before.presence.status(person("101")))).toBe("101 closed Offline");
    clock.advance(1000);

    const after = worldOf({ clock, store: store.crashed() });
    after.registrations.changed(person("101"), true);
    after.presence.report(offline);
    expect(inShort(after.presence.status(person("101")))).toBe("101 closed Offline");
    after.registrations.changed(person("101"), false);
    clock.advance(1000);
    after.registrations.changed(person("101"), true);
    expect(inShort(after.presence.status(person("101"))), "a later registration speaks newer").toBe("101 open Available");
  });
});

test("whatever happens in whatever order, what was told last is the truth (200 seeds)", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const { clock, table, registrations, presence } = worldOf();
    const last = new Map<Aor, PresenceDocument>();
    presence.onChange((aor, document) => {
      const before = last.get(aor);
      if (before !== undefined) expect(inShort(before) + JSON.stringify(before.activities), `seed ${seed}: told of no change`).not.toBe(inShort(document) + JSON.stringify(document.activities));
      last.set(aor, document);
    });
    const calls: TestCall[] = [];
    for (let step = 0; step < 60; step++) {
      const user = ["101", "102", "103"][random.below(3)] ?? "101";
      const now = clock.now();
      switch (random.below(8)) {
        case 0:
          registrations.changed(person(user), random.below(2) === 0);
          break;
        case 1:
          presence.report(published(user, `k${random.below(3)}`, ["Lunch", "Away", ""][random.below(3)] ?? "", now, now + 1 + random.below(20_000), random.below(4) === 0 ? "closed" : "open"));
          break;
        case 2:
          presence.withdraw("publish", person(user), `k${random.below(3)}`);
          break;
        case 3:
          calls.push(new TestCall(table, user, ["101", "102", "103"][random.below(3)] ?? "102"));
          break;
        case 4:
          calls[random.below(calls.length || 1)]?.answers(0, user, 180, "t");
          break;
        case 5:
          calls[random.below(calls.length || 1)]?.answers(0, user, 200, "t").ends(200);
          break;
        case 6:
          calls[random.below(calls.length || 1)]?.asks("BYE", "t").ends(486);
          break;
        default:
          clock.advance(random.below(8000));
      }
      for (const each of ["101", "102", "103"]) {
        const told = last.get(person(each));
        const truth = presence.why(person(each)).document;
        if (told === undefined) expect(inShort(truth), `seed ${seed} step ${step}`).toBe(`${each} closed Offline`);
        else expect(inShort(told), `seed ${seed} step ${step}`).toBe(inShort(truth));
        expect(inShort(presence.status(person(each))), `seed ${seed} step ${step}`).toBe(inShort(truth));
      }
    }
  }
});
