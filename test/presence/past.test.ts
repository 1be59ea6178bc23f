import { describe, expect, test } from "vitest";
import type { Aor } from "../../src/base/ids.ts";
import { UnavailableError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { past, type Past } from "../../src/presence/past.ts";
import { presenceService, type PresenceService } from "../../src/presence/presence-service.ts";
import type { RecordDisk, RecordSegment } from "../../src/presence/record-disk.ts";
import { recorder, type Recorder } from "../../src/presence/recorder.ts";
import { explain, type WatcherFact } from "../../src/presence/why.ts";
import type { Rendered } from "../../src/subscription/event-package.ts";
import type { Witnessed } from "../../src/subscription/notify-witness.ts";
import { person } from "../dialog/calls.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { defaults } from "./reports.ts";

const alice = person("101");

/** A disk in memory that can be damaged. */
class TestDisk implements RecordDisk {
  readonly kept: { readonly id: number; readonly startMs: number; text: string }[] = [];
  readonly #segmentChars: number;
  isBroken = false;
  #isNew = true;

  constructor(segmentChars = Infinity) {
    this.#segmentChars = segmentChars;
  }
  segments(): readonly RecordSegment[] {
    return this.kept;
  }
  get isFull(): boolean {
    return this.kept.length >= 4;
  }
  append(lines: string, since: number, head: () => string): Promise<void> {
    if (this.isBroken) return Promise.reject(new UnavailableError("the disk is full"));
    const last = this.kept.at(-1);
    if (last !== undefined && !this.#isNew && last.text.length < this.#segmentChars) last.text += lines;
    else {
      if (this.isFull) this.kept.shift();
      this.kept.push({ id: (last?.id ?? 0) + 1, startMs: since, text: head() + lines });
    }
    this.#isNew = false;
    return Promise.resolve();
  }
  async *read(id: number): AsyncIterable<Buffer> {
    const bytes = Buffer.from(this.kept.find((each) => each.id === id)?.text ?? "", "utf8");
    await Promise.resolve();
    // Pieces end anywhere, also in the middle of a character.
    for (let at = 0; at < bytes.length; at += 701) yield bytes.subarray(at, at + 701);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
  /** What a new process finds. */
  reopened(): TestDisk {
    const next = new TestDisk(this.#segmentChars);
    next.kept.push(...this.kept.map((each) => ({ ...each })));
    return next;
  }
}

interface World {
  readonly clock: FakeClock;
  readonly disk: TestDisk;
  readonly presence: PresenceService;
  readonly record: Recorder;
  readonly past: Past;
}

function worldOf(options: { readonly disk?: TestDisk; readonly clock?: FakeClock; readonly isWatched?: boolean; readonly watchers?: readonly WatcherFact[] } = {}): World {
  const clock = options.clock ?? new FakeClock();
  const disk = options.disk ?? new TestDisk();
  const record = recorder({ disk, clock, log: silentLog, presence: () => presence });
  const presence: PresenceService = presenceService({ clock, wheel: new TimerWheel(clock), settings: defaults, sources: [], log: silentLog, witness: record });
  presence.onChange(() => undefined, () => options.isWatched !== false);
  return { clock, disk, presence, record, past: past({ disk, clock, settings: defaults, written: () => record.written(), watchersOf: () => options.watchers ?? [] }) };
}

function say({ clock, presence }: World, note: string, aor: Aor = alice, untilMs = 1e9): void {
  presence.report({ source: "api", presentity: aor, key: "api", kind: "api", activities: [], note, basic: "open", publishedAt: clock.now(), until: clock.now() + untilMs });
}

async function noteAt(world: World, at: number, aor: Aor = alice): Promise<string> {
  const found = await world.past.why(aor, at);
  return found.kind === "found" ? found.answer.document.note : found.reason;
}

describe("the past", () => {
  test("is what was so, at every moment, also between two changes of one instant", async () => {
    const world = worldOf();
    const start = world.clock.now();
    for (const note of ["One", "Two", "Three"]) {
      say(world, note);
      world.clock.advance(10_000);
    }
    expect(await noteAt(world, start + 5)).toBe("One");
    expect(await noteAt(world, start + 9999)).toBe("One");
    expect(await noteAt(world, start + 10_000)).toBe("Two");
    expect(await noteAt(world, start + 29_000)).toBe("Three");
    expect(await noteAt(world, start - 1)).toMatch(/^the record begins at 20/);
    expect(await noteAt(world, start + 5, person("102"))).toMatch(/^nothing was recorded of this person/);
  });

  test("explains itself as it would have then: the same inputs, ranks and reasons", async () => {
    const world = worldOf();
    say(world, "Öffnet um 9 €");
    world.presence.report({ source: "calendar", presentity: alice, key: "m", kind: "calendar", activities: [{ name: "meeting", until: world.clock.now() + 50_000 }], publishedAt: world.clock.now(), until: world.clock.now() + 50_000 });
    const at = world.clock.now();
    const then = explain(world.presence.why(alice, at), { at, settings: defaults, watchers: [], nextChangeAt: at + 50_000 });
    world.clock.advance(100_000);
    say(world, "Later");
    const found = await world.past.why(alice, at);
    expect(found.kind === "found" ? { ...found.answer, recorded: null } : found).toEqual({ ...then, recorded: null });
    expect(await noteAt(world, at + 60_000), "the meeting's end was written down by itself").toBe("Öffnet um 9 €");
  });

  test("is kept of those whom nobody watches, and nothing is kept twice", async () => {
    const world = worldOf({ isWatched: false });
    const start = world.clock.now();
    say(world, "One");
    world.clock.advance(1000);
    say(world, "One", alice);
    world.presence.report({ source: "publish", presentity: person("102"), key: "a", kind: "publish", activities: [], publishedAt: 5, until: start + 5000 });
    world.clock.advance(1000);
    world.presence.report({ source: "publish", presentity: person("102"), key: "a", kind: "publish", activities: [], publishedAt: 5, until: start + 9000 });
    world.clock.advance(1000);
    expect(await noteAt(world, start + 1900)).toBe("One");
    expect(world.disk.kept.map(({ text }) => text).join("").match(/"s":"sip:102/g), "a refresh is not news").toHaveLength(1);
  });

  test("survives a restart, a torn end, and damage in the middle", async () => {
    const before = worldOf();
    const start = before.clock.now();
    for (const note of ["One", "Two", "Three"]) {
      say(before, note);
      before.clock.advance(1000);
      await before.record.written();
    }
    await before.record.close();
    const disk = before.disk.reopened();
    const [segment] = disk.kept;
    if (segment === undefined) throw new Error("no segment");
    segment.text = `${segment.text.replace(/"n":"Two"/, '"n":"Tw').replace(/\n/, "\n\u0000\u0000garbage\n")}{"s":"${alice}","t":`;
    const after = worldOf({ disk, clock: before.clock });
    say(after, "Four");
    before.clock.advance(1000);
    expect(await noteAt(after, start + 500)).toBe("One");
    expect(await noteAt(after, start + 1500), "a damaged line is passed over").toBe("One");
    expect(await noteAt(after, start + 2500)).toBe("Three");
    expect(await noteAt(after, start + 3500)).toBe("Four");
  });

  test("of someone who has not changed for longer than the ring goes back is still known", async () => {
    const world = worldOf({ disk: new TestDisk(5000) });
    say(world, "Long ago", person("150"));
    for (let n = 0; n < 300; n++) {
      say(world, `note ${n}`);
      world.clock.advance(1000);
      await world.record.written();
    }
    const [first] = world.disk.kept;
    expect(world.disk.kept).toHaveLength(4);
    expect(first?.id).toBeGreaterThan(5);
    for (const at of [(first?.startMs ?? 0) + 1, world.clock.now() - 1]) expect(await noteAt(world, at, person("150"))).toBe("Long ago");
    expect(await noteAt(world, world.clock.now() - 1500)).toBe("note 298");
  });

  test("a disk that fails loses the past alone, and is used again when it works", async () => {
    const world = worldOf();
    say(world, "One");
    world.clock.advance(1000);
    await world.record.written();
    world.disk.isBroken = true;
    say(world, "Two");
    world.clock.advance(1000);
    await world.record.written();
    expect(world.presence.status(alice).note).toBe("Two");
    expect(world.record.missed).toBeGreaterThan(0);
    world.disk.isBroken = false;
    world.clock.advance(1000);
    say(world, "Three");
    world.clock.advance(1000);
    expect(await noteAt(world, world.clock.now() - 1)).toBe("Three");
  });

  test("agrees with what was answered then, for random lives (100 seeds)", async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = seededRandom(seed);
      let world = worldOf({ disk: new TestDisk(8000), isWatched: seed % 2 === 0 });
      const truths: { readonly at: number; readonly note: string }[] = [];
      for (let step = 0; step < 30; step++) {
        if (random.below(3) > 0) say(world, `note ${random.below(4)}`, alice, 1 + random.below(20_000));
        else world.presence.withdraw("api", alice, "api");
        await world.record.written();
        truths.push({ at: world.clock.now(), note: world.presence.status(alice).note });
        world.clock.advance(1000 + random.below(5000));
        if (random.below(10) === 0) {
          await world.record.close();
          world = worldOf({ disk: world.disk.reopened(), clock: world.clock, isWatched: seed % 2 === 0 });
        }
      }
      const [first] = world.disk.kept;
      for (const { at, note } of truths) {
        if (at >= (first?.startMs ?? 0) + 6000) expect(await noteAt(world, at), `seed ${seed} at ${at}`).toBe(note);
      }
    }
  });
});

describe("who was told", () => {
  const rendered = (note: string): Rendered => ({ contentType: "application/pidf+xml", head: `<presence><basic>open</basic><note>${note}</note></presence>`, tail: "", isVersioned: false });
  /** A subscription as the notifier changes it. */
  type Watcher = { -readonly [K in keyof Witnessed]: Witnessed[K] };
  const subscriptionOf = (watcher: string): Watcher =>
    ({ resource: alice, watcher: person(watcher), pack: { name: "presence" }, dialog: { remote: "" }, lastSentAt: 0, lastSent: null, answeredAt: 0, answerStatus: 0, isNoted: false, isLate: false });
  const send = ({ record, clock }: World, to: Watcher, note: string): void => {
    if (to.isNoted) record.overtaken(to);
    Object.assign(to, { isLate: false, lastSentAt: clock.now(), lastSent: rendered(note), answeredAt: 0 });
    if (to.isNoted) return;
    to.isNoted = true;
    record.sent(to);
  };
  const answer = ({ record, clock }: World, to: Watcher, status: number): void => {
    Object.assign(to, { answeredAt: clock.now(), answerStatus: status });
    if (to.isLate) record.late(to);
  };
  const told = async (world: World, at: number): Promise<readonly string[]> => {
    const found = await world.past.why(alice, at);
    if (found.kind !== "found") return [found.reason];
    return found.answer.watchers.map(({ watcher, sent }) => `${watcher.slice(4, 7)} ${sent?.what ?? ""} ${String(sent?.status)}`);
  };

  test("is known with the answer, as it was at that moment; a late answer is found too", async () => {
    const world = worldOf();
    const { clock } = world;
    say(world, "One");
    const [quick, slow] = [subscriptionOf("102"), subscriptionOf("103")];
    const start = clock.now();
    send(world, quick, "One");
    send(world, slow, "One");
    clock.advance(100);
    answer(world, quick, 200);
    clock.advance(10_000);
    answer(world, slow, 481);
    clock.advance(10_000);
    send(world, quick, "Two &amp; three");
    clock.advance(5000);
    expect(await told(world, start + 50)).toEqual(["102 open · One null", "103 open · One null"]);
    expect(await told(world, start + 5000)).toEqual(["102 open · One 200", "103 open · One null"]);
    expect(await told(world, start + 15_000)).toEqual(["102 open · One 200", "103 open · One 481"]);
    expect(await told(world, start + 22_000)).toEqual(["102 open · Two & three null", "103 open · One 481"]);
  });

  test("two NOTIFYs in one moment are both known", async () => {
    const world = worldOf();
    say(world, "One");
    const quick = subscriptionOf("102");
    const start = world.clock.now();
    for (const note of ["One", "Two", "Three"]) {
      send(world, quick, note);
      world.clock.advance(10);
      answer(world, quick, 200);
      world.clock.advance(10);
    }
    world.clock.advance(5000);
    expect([await told(world, start + 15), await told(world, start + 35), await told(world, start + 55), await told(world, start + 45)]).toEqual([["102 open · One 200"], ["102 open · Two 200"], ["102 open · Three 200"], ["102 open · Three null"]]);
  });

  test("whoever watches now and was told nothing since, was told that already", async () => {
    const clock = new FakeClock();
    const sent = { at: clock.now() + 10, what: "open · Old", answeredAt: clock.now() + 20, status: 200 };
    const world = worldOf({ clock, watchers: [{ watcher: person("104"), event: "presence", expiresAt: 5, userAgent: "Snom", sent }] });
    say(world, "One");
    clock.advance(60_000);
    expect(await told(world, clock.now())).toEqual(["104 open · Old 200"]);
    expect(await told(world, sent.at - 5)).toEqual([]);
  });
});
