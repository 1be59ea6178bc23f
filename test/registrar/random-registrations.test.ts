import { expect, test } from "vitest";
import { seededRandom, type Random } from "../../src/base/random.ts";
import { domain, flowFrom, registerText, site, type RegisterText, type Site } from "./site.ts";

const runs = 60;
const steps = 60;

function pick<T>(random: Random, from: readonly T[]): T {
  const found = from[random.below(from.length)];
  if (found === undefined) throw new Error("nothing to pick");
  return found;
}

interface ModelBinding {
  readonly callId: string;
  readonly cseq: number;
  readonly expiresAt: number;
}

/** RFC 3261 §10.3 in a few lines: contacts are their user parts, all else is left away. */
function modelStep(before: ReadonlyMap<string, ModelBinding>, request: { callId: string; cseq: number; contacts: readonly (readonly [string, number])[] | "*" }, nowMs: number, most: number): ReadonlyMap<string, ModelBinding> | number {
  const live = new Map([...before].filter(([, binding]) => binding.expiresAt > nowMs));
  const now = new Map(live);
  const contacts = request.contacts === "*" ? [...live.keys()].map((name) => [name, 0] as const) : request.contacts;
  const old = contacts.map(([name]) => live.get(name)).filter((binding) => binding?.callId === request.callId);
  if (old.some((binding) => binding !== undefined && request.cseq < binding.cseq)) return 500;
  if (request.contacts === "*" && old.some((binding) => binding !== undefined && request.cseq === binding.cseq)) return live;
  for (const [name, seconds] of contacts) {
    const known = now.get(name);
    if (known?.callId === request.callId && known.cseq === request.cseq) continue;
    if (seconds > 0 && seconds < 60) return 423;
    now.delete(name);
    if (seconds > 0) now.set(name, { callId: request.callId, cseq: request.cseq, expiresAt: nowMs + Math.min(seconds, 7200) * 1000 });
  }
  return now.size > most && now.size > live.size ? 403 : now;
}

test("random REGISTERs, waits and restarts leave what a tiny model leaves", () => {
  for (let seed = 1; seed <= runs; seed++) {
    const random = seededRandom(seed);
    let at = site();
    const models = new Map<string, ReadonlyMap<string, ModelBinding>>();
    for (let step = 0; step < steps; step++) {
      const where = `seed ${seed}, step ${step}`;
      if (random.below(8) === 0) at.clock.advance(random.below(90_000));
      if (random.below(25) === 0) at = at.restart();
      const user = pick(random, ["101", "102"]);
      const isAll = random.below(12) === 0;
      const contacts = Array.from({ length: random.below(4) }, () => [pick(random, ["a", "b", "c", "d", "e", "f"]), pick(random, [0, 30, 60, 61, 90, 200, 9999])] as const);
      // A brief interval is refused before anything is looked up: the model keeps the order of the list, so leave doubles and briefs apart.
      const unique = contacts.filter(([name], place) => contacts.findIndex(([other]) => other === name) === place);
      const isBrief = !isAll && unique.some(([, seconds]) => seconds === 30);
      const request = { callId: pick(random, ["x", "y"]), cseq: 1 + random.below(20), contacts: isAll ? ("*" as const) : unique };
      const before = models.get(user) ?? new Map<string, ModelBinding>();
      const wanted = isBrief ? 423 : modelStep(before, request, at.clock.now(), 4);
      const lines = isAll ? ["Contact: *", "Expires: 0"] : unique.map(([name, seconds]) => `Contact: <sip:${name}@192.0.2.9>;expires=${seconds}`);
      const reply = at.send(registerText({ to: `<sip:${user}@${domain}>`, callId: request.callId, cseq: request.cseq, lines }));
      if (typeof wanted === "number") expect(reply.status, where).toBe(wanted);
      else {
        models.set(user, wanted);
        expect(reply.status, where).toBe(200);
        const list = [...wanted].map(([name, binding]) => `<sip:${name}@192.0.2.9>;expires=${Math.ceil((binding.expiresAt - at.clock.now()) / 1000)}`);
        expect([...reply.contacts].sort(), where).toEqual(list.sort());
      }
      const names = at.registrar.bindings().map((binding) => `${binding.aor} ${binding.uri}`);
      const live = [...models].flatMap(([who, model]) => [...model].filter(([, binding]) => binding.expiresAt > at.clock.now()).map(([name]) => `sip:${who}@${domain} sip:${name}@192.0.2.9`));
      expect(names.sort(), where).toEqual(live.sort());
    }
    at.clock.advance(7_300_000);
    expect([at.registrar.counts, at.store.rows.size, at.wheel.count], `seed ${seed}`).toEqual([{ aors: 0, bindings: 0 }, 0, 0]);
  }
});

test("a plain refresh has the outcome that the rules give it", () => {
  // Two servers hear the same; to one each REGISTER also says `Require: path`, which changes nothing but keeps it from the short way.
  let refreshed = 0;
  for (let seed = 1; seed <= runs; seed++) {
    const random = seededRandom(seed);
    const quick = site();
    const slow = site();
    const flows = [flowFrom("udp", "192.0.2.7", 5060), flowFrom("udp", "192.0.2.7", 3456), flowFrom("tcp", "192.0.2.7", 40000), flowFrom("udp", "192.0.2.7", 5060, "voice")];
    let parts: RegisterText = { lines: ["Contact: <sip:101@192.0.2.7:5060>"] };
    let flow = pick(random, flows);
    let cseq = 1;
    for (let step = 0; step < steps; step++) {
      const wait = random.below(70_000);
      quick.clock.advance(wait);
      slow.clock.advance(wait);
      if (random.below(4) === 0) {
        const params = pick(random, ["", ";expires=60", ";expires=120", ";expires=5", ";expires=0", ";q=0.5", ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"', ';+sip.instance="<x>";reg-id=1']);
        const lines = [`Contact: <sip:101@192.0.2.7:${pick(random, ["5060", "5061"])}>${params}`];
        if (random.below(2) === 0) lines.push(`Supported: ${pick(random, ["gruu", "path", "outbound, gruu", ""])}`);
        if (random.below(3) === 0) lines.push(`Expires: ${pick(random, ["60", "300", "x", "0"])}`);
        if (random.below(3) === 0) lines.push(`User-Agent: ${pick(random, ["A", "B"])}`);
        const via = `SIP/2.0/UDP ${pick(random, ["192.0.2.7:5060", "10.0.0.1"])};branch=z9hG4bK${step}`;
        parts = { lines, via, callId: pick(random, ["x", "y"]) };
      }
      if (random.below(10) === 0) flow = pick(random, flows);
      cseq += pick(random, [1, 1, 1, 1, 0, -1]);
      const text = { ...parts, cseq };
      const before = quick.registrar.bindings()[0];
      const reply = quick.send(registerText(text), flow);
      expect(reply, `seed ${seed}, step ${step}`).toEqual(slow.send(registerText({ ...text, lines: [...(text.lines ?? []), "Require: path"] }), flow));
      expect(quick.registrar.bindings(), `seed ${seed}, step ${step}`).toEqual(slow.registrar.bindings());
      const [one] = quick.registrar.bindings();
      if (before !== undefined && one !== undefined && before.uri === one.uri && one.cseq > before.cseq) refreshed++;
    }
    expect(targetsOf(quick), `seed ${seed}`).toEqual(targetsOf(slow));
  }
  expect(refreshed).toBeGreaterThan(runs);
});

function targetsOf(at: Site): unknown {
  return at.registrar.bindings().map(({ aor }) => at.registrar.targets(aor));
}
