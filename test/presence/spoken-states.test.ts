import { describe, expect, test } from "vitest";
import type { Aor } from "../../src/base/ids.ts";
import { silentLog } from "../../src/base/log.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { presenceService, reportsPerSourceMax, type PresenceService } from "../../src/presence/presence-service.ts";
import type { SourceReport } from "../../src/presence/report.ts";
import { spokenStates, type SpokenStates } from "../../src/presence/spoken-states.ts";
import { memoryStore, type MemoryStore } from "../../src/store/memory-store.ts";
import { person } from "../dialog/calls.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { defaults } from "./reports.ts";

interface World {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly presence: PresenceService;
  readonly spoken: SpokenStates;
  /** Who wants to be left in peace by the directory. */
  readonly directory: Set<Aor>;
  /** `101 true` for each change of do-not-disturb. */
  readonly told: string[];
}

const alice = person("101");

function worldOf(before?: World): World {
  const clock = before?.clock ?? new FakeClock();
  const store = before?.store.crashed() ?? memoryStore({ node: "a", clock });
  const presence = presenceService({ clock, wheel: new TimerWheel(clock), settings: defaults, sources: [], log: silentLog });
  const directory = before?.directory ?? new Set<Aor>();
  const spoken = spokenStates({ clock, store, presence, isDisturbedByDefault: (aor) => directory.has(aor), log: silentLog });
  const told: string[] = [];
  spoken.onChange((aor, isOn) => told.push(`${aor.slice(4, 7)} ${String(isOn)}`));
  spoken.restore();
  spoken.directoryChanged(directory);
  return { clock, store, presence, spoken, directory, told };
}

const note = ({ presence }: World): string => presence.status(alice).note;

function meeting({ clock, presence }: World, fromMs: number, untilMs: number): SourceReport {
  const now = clock.now();
  const report: SourceReport = { source: "calendar", presentity: alice, key: "m", kind: "calendar", activities: [{ name: "meeting" }], publishedAt: now + fromMs, from: now + fromMs, until: now + untilMs };
  presence.report(report);
  return report;
}

describe("states that were set outlive a crash", () => {
  test("as they were: text, activities, basic, age and end", () => {
    const before = worldOf();
    before.spoken.say(alice, "door sensor", { basic: "closed", activities: [{ name: "other", text: "Öffnet gleich" }], note: "Zoë – 5 €", until: before.clock.now() + 60_000 });
    before.clock.advance(1000);
    const after = worldOf(before);
    expect(after.presence.why(alice).inputs[0]?.report).toEqual(before.presence.why(alice).inputs[0]?.report);
    after.clock.advance(60_000);
    expect(note(after)).toBe("Offline");
    expect([...worldOf(after).store.load("presence")], "what lapsed is dropped").toEqual([]);
  });

  test("taken back, they do not come back", () => {
    const before = worldOf();
    before.spoken.say(alice, "api", { activities: [], note: "One" });
    before.spoken.choose(alice, { activities: [], note: "Two" });
    before.spoken.set(alice, true);
    before.spoken.takeBack(alice);
    expect(note(worldOf(before))).toBe("Offline");
  });

  test("of a person who is no longer ours nothing is kept", () => {
    const world = worldOf();
    world.spoken.say(alice, "api", { activities: [], note: "One" });
    world.spoken.choose(alice, { activities: [], note: "Two" });
    world.spoken.set(alice, true);
    world.spoken.forget(alice);
    expect([...world.store.load("presence")]).toEqual([]);
    expect(note(world)).toBe("Offline");
  });

  test("what cannot be read is dropped, what belongs to others stays", () => {
    const world = worldOf();
    for (const [key, value] of [["api nobody x", { since: 1, activities: [] }], [`override ${alice}`, "x"], [`dnd ${alice}`, null], [`registration ${alice}`, 5]] as const) world.store.put("presence", key, value);
    expect([...worldOf(world).store.load("presence")].map(({ key }) => key)).toEqual([`registration ${alice}`]);
  });
});

describe("a person's own choice", () => {
  test("gives way at the calendar's next boundary, though nobody watches, and stays so when the calendar forgets the past", () => {
    const world = worldOf();
    meeting(world, -1000, 60_000);
    world.spoken.choose(alice, { activities: [{ name: "working" }] });
    expect(note(world)).toBe("Working");
    world.clock.advance(60_100);
    world.presence.withdraw("calendar", alice, "m");
    expect(note(world)).toBe("Offline");
    expect(note(worldOf(world))).toBe("Offline");
  });

  test("moves with the meeting that it was made in", () => {
    const world = worldOf();
    meeting(world, -1000, 60_000);
    world.spoken.choose(alice, { activities: [{ name: "working" }] });
    meeting(world, -1000, 120_000);
    world.clock.advance(90_000);
    expect(note(world)).toBe("Working");
    world.clock.advance(31_000);
    expect(note(world)).toBe("Offline");
  });

  test("ends at a boundary that passed while the server was down", () => {
    const before = worldOf();
    meeting(before, -1000, 60_000);
    before.spoken.choose(alice, { activities: [{ name: "working" }] });
    before.clock.advance(61_000);
    expect(note(worldOf(before))).toBe("Offline");
  });

  test("a new choice after a boundary holds until the next", () => {
    const world = worldOf();
    meeting(world, -1000, 60_000);
    world.spoken.choose(alice, { activities: [{ name: "working" }] });
    world.clock.advance(60_100);
    world.spoken.choose(alice, { activities: [{ name: "away" }] });
    expect(note(world)).toBe("Away");
  });
});

describe("do-not-disturb", () => {
  test("is told once a change, and beats what is published", () => {
    const world = worldOf();
    world.spoken.set(alice, true);
    world.spoken.set(alice, true);
    expect([note(world), world.spoken.isOn(alice)]).toEqual(["Do not disturb", true]);
    world.spoken.set(alice, false);
    expect(world.told).toEqual(["101 true", "101 false"]);
    expect(note(world)).toBe("Offline");
  });

  test("begins as the directory says, until the person says otherwise; taken back, the directory's word holds again", () => {
    const world = worldOf();
    world.directory.add(alice);
    world.spoken.directoryChanged([alice]);
    expect(note(world)).toBe("Do not disturb");
    world.spoken.set(alice, false);
    const after = worldOf(world);
    expect(after.spoken.isOn(alice)).toBe(false);
    after.spoken.takeBack(alice, "do-not-disturb");
    expect(after.spoken.isOn(alice)).toBe(true);
    after.directory.delete(alice);
    after.spoken.directoryChanged([alice]);
    expect(after.spoken.isOn(alice)).toBe(false);
  });

  test("a listener that fails harms no other", () => {
    const world = worldOf();
    world.spoken.onChange(() => {
      throw new Error("a mistake of ours");
    });
    world.spoken.set(alice, true);
    expect(world.told).toEqual(["101 true"]);
  });
});

test("one person has only so many API states", () => {
  const world = worldOf();
  for (let n = 0; n < reportsPerSourceMax; n++) expect(world.spoken.say(alice, `s${n}`, { activities: [] })).toBe(true);
  expect(world.spoken.say(alice, "one more", { activities: [] })).toBe(false);
  expect([...world.store.load("presence")]).toHaveLength(reportsPerSourceMax);
});
