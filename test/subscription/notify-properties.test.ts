import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import type { Sent } from "./fake-agent.ts";
import { Rig, aor, fakeFlow, type Watch } from "./rig.ts";

const SEEDS = 300;
const STEPS = 120;
const RESOURCES = ["101", "102"];
const WATCHERS = ["201", "202", "203"];

/** What one watcher's phone knows. */
interface Phone {
  readonly watch: Watch;
  readonly resource: string;
  /** The last body that it has seen in CSeq order, as a phone does. */
  shown: string;
  lastCseq: number;
  isOver: boolean;
}

test("at rest every watcher shows the truth, with one NOTIFY in flight at most, rising CSeqs and none without a reason", () => {
  for (let seed = 1; seed <= SEEDS; seed++) run(seed);
});

function run(seed: number): void {
  const random = seededRandom(seed);
  let rig = new Rig({ seed });
  let phones: Phone[] = [];
  const why = `seed ${String(seed)}`;
  /** NOTIFYs that may go out although the body is what was last acknowledged: first ones, refreshes, tries. */
  const excused = new Set<string>();
  const lastAcknowledged = new Map<string, string>();

  // The engine takes what `send` throws for a failure: what is wrong is noted here and asserted at the end.
  const wrong: string[] = [];
  const watchEngine = (): void => {
    rig.agent.onSend = (sent) => {
      const tag = sent.dialog.localTag;
      if (sent.request.cseq <= (cseqs.get(tag) ?? 0)) wrong.push(`CSeq ${String(sent.request.cseq)} does not rise`);
      cseqs.set(tag, sent.request.cseq);
      sentAt.set(sent, rig.clock.now());
      if (rig.agent.open.filter((one) => one.dialog.localTag === tag && !given.has(one)).length > 1) wrong.push(`two in flight: ${tag} ${sent.state}`);
      if (sent.state.startsWith("active") && !excused.delete(tag) && sent.body === lastAcknowledged.get(tag)) wrong.push(`a NOTIFY without a change: ${sent.body}`);
    };
  };
  const sentAt = new Map<Sent, number>();
  /** The list of the engine has the order in which the subscriptions were made, as `phones` has. */
  const isSuspect = (sent: Sent): boolean => rig.engine.list()[phones.findIndex((phone) => phone.watch.localTag === sent.dialog.localTag)]?.state === "suspect";
  const cseqs = new Map<string, number>();
  /** NOTIFYs that the engine has given up because their watcher moved. */
  const given = new Set<Sent>();
  watchEngine();

  const give = (sent: Sent): void => {
    given.add(sent);
    excused.add(sent.dialog.localTag);
  };

  const arrive = (sent: Sent): void => {
    const phone = phones.find((one) => one.watch.localTag === sent.dialog.localTag);
    if (phone === undefined || sent.request.cseq <= phone.lastCseq) return;
    phone.lastCseq = sent.request.cseq;
    phone.shown = sent.body;
    if (sent.state.startsWith("terminated")) phone.isOver = true;
  };

  const answer = (sent: Sent, how: number): void => {
    const tag = sent.dialog.localTag;
    if (how < 6) {
      arrive(sent);
      if (!given.has(sent)) lastAcknowledged.set(tag, sent.body);
      sent.answer(200);
    } else if (how === 6) {
      // It arrived, its answer did not.
      arrive(sent);
      excused.add(tag);
      sent.timeout();
    } else if (how === 7) {
      excused.add(tag);
      sent.timeout();
    } else if (how === 8) {
      excused.add(tag);
      sent.unreachable();
    } else {
      excused.add(tag);
      sent.answer(503, random.below(2) === 0 ? "" : "Retry-After: 30\r\n");
    }
  };

  for (let step = 0; step < STEPS; step++) {
    const { open } = rig.agent;
    const pick = open[random.below(Math.max(1, open.length))];
    const phone = phones[random.below(Math.max(1, phones.length))];
    switch (random.below(9)) {
      case 0: {
        const resource = RESOURCES[random.below(2)] ?? "";
        if (phones.length < 8) {
          // The first NOTIFY leaves before `subscribe` returns: its phone is noted after.
          const watch = rig.subscribe(resource, WATCHERS[random.below(3)], "presence", ["Expires: 3600"]);
          phones.push({ watch, resource, shown: "", lastCseq: 0, isOver: false });
        }
        break;
      }
      case 1:
      case 2:
      case 3:
        rig.presence.set(aor(RESOURCES[random.below(2)] ?? ""), `s${String(random.below(3))}`);
        break;
      case 4:
      case 5:
        if (pick !== undefined) answer(pick, random.below(10));
        break;
      case 6:
        rig.clock.advance(random.below(8) * 1000);
        break;
      case 7:
        if (phone !== undefined && !phone.isOver) {
          excused.add(phone.watch.localTag);
          // The same way again, or one of its own; then, and when it has waited too long, what is in flight is given up.
          const mine = (sent: Sent): boolean => sent.dialog.localTag === phone.watch.localTag;
          const known = random.below(2) === 0 ? null : (rig.agent.sent.findLast(mine)?.dialog.flow ?? null);
          for (const sent of open) if (mine(sent) && (known === null || rig.clock.now() - (sentAt.get(sent) ?? 0) > 40_000)) give(sent);
          const result = phone.watch.again(["Expires: 3600"], known ?? fakeFlow(1024 + step));
          expect([200], why).toContain(result.status);
        }
        break;
      default:
        if (random.below(20) === 0) {
          rig.engine.close();
          const { presence, store, clock } = rig;
          rig = new Rig({ seed: seed + 1000 * step, store, clock: new FakeClock(clock.now()) });
          for (const [resource, state] of presence.states) rig.presence.states.set(resource, state);
          // What was in flight is lost with the process, its outcome unknown to it.
          for (const one of phones) excused.add(one.watch.localTag);
          watchEngine();
          phones = phones.map((one) => ({ ...one, watch: one.watch.movedTo(rig) }));
          rig.engine.restore();
          rig.engine.renotify(1000);
        } else if (phone !== undefined && random.below(4) === 0) {
          phone.watch.again(["Expires: 0"]);
          phones = phones.filter((one) => one !== phone);
        } else {
          const watcher = WATCHERS[random.below(3)] ?? "";
          open.filter((sent) => isSuspect(sent) && sent.dialog.target.includes(watcher)).forEach(give);
          rig.engine.registered(aor(watcher), "");
        }
    }
  }

  // Rest: everything is delivered, nothing changes any more.
  for (let round = 0; round < 20; round++) {
    for (const sent of rig.agent.open) answer(sent, 0);
    rig.clock.advance(60_000);
  }
  expect(wrong, why).toEqual([]);
  expect(rig.agent.open, why).toHaveLength(0);
  expect(rig.engine.counts().subscriptions, why).toBe(phones.length);
  for (const phone of phones) expect(phone.shown, `${why}: ${phone.watch.localTag} shows the truth`).toBe(rig.presence.bodyFor(aor(phone.resource)));
  expect(rig.engine.list().every((one) => one.state === "active"), why).toBe(true);
}
