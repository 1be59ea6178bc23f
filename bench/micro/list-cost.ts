import type { Agent, AgentOutcome } from "../../src/agent/agent.ts";
import { userAgent } from "../../src/agent/user-agent.ts";
import { systemClock } from "../../src/base/clock.ts";
import { aorOf, type Aor } from "../../src/base/ids.ts";
import { silentLog } from "../../src/base/log.ts";
import { randomHex, systemRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { STANDARD } from "../../src/phones/built-in.ts";
import type { Call } from "../../src/proxy/feature.ts";
import { Message } from "../../src/sip/message.ts";
import type { Flow } from "../../src/sip/transport/transport.ts";
import { parseSipUri } from "../../src/sip/uri.ts";
import { memoryStore } from "../../src/store/memory-store.ts";
import type { EventPackage, Rendered } from "../../src/subscription/event-package.ts";
import { subscriptions } from "../../src/subscription/subscriptions.ts";
import type { MicroFigures } from "./measure.ts";
import { flow, wire } from "./messages.ts";

const DOMAIN = "tel.example.test";
const MEMBERS = 60;
const WATCHERS = 200;
/** Refreshes of everything that are measured. */
const REFRESHES = 5;

/** What sixty lamps of one phone cost at rest: by sixty subscriptions, and by one to a list. `bytes`: what stays on the heap for one phone; `ns`: what renewing
 *  all of them once takes, NOTIFYs and their answers included; the name says how many messages that is on the wire (over TCP). Needs --expose-gc. */
export function listCost(): readonly MicroFigures[] {
  return [cost("single"), cost("list")];
}

function cost(how: "single" | "list"): MicroFigures {
  const random = systemRandom();
  const outcomes: ((outcome: AgentOutcome) => void)[] = [];
  let messages = 0;
  const agent: Agent = {
    ...userAgent({} as unknown as Parameters<typeof userAgent>[0]),
    send(_dialog, _request, done) {
      messages += 2;
      outcomes.push(done);
    },
  };
  const acknowledged = { kind: "answered", status: 200, response: Message.of("SIP/2.0 200 OK\r\n\r\n") } as const;
  const answerAll = (): void => {
    // An answer may make the next NOTIFY leave.
    for (let done = outcomes.pop(); done !== undefined; done = outcomes.pop()) done(acknowledged);
  };
  const state = new Map<Aor, Rendered>();
  const dialog: EventPackage = {
    name: "dialog",
    types: ["application/dialog-info+xml"],
    publishTypes: [],
    isListable: true,
    admits: () => null,
    render: ({ resource }) => state.get(resource) ?? { contentType: "", head: "", tail: "", isVersioned: false },
  };
  const members = Array.from({ length: MEMBERS }, (_, at) => aorOf(String(10_000 + at), DOMAIN));
  for (const member of members) state.set(member, { contentType: "application/dialog-info+xml", head: '<?xml version="1.0"?><dialog-info version="', tail: `" state="full" entity="${member}"><dialog id="d"><state>terminated</state></dialog></dialog-info>`, isVersioned: true });
  const desk = { aor: aorOf("desk", DOMAIN), name: "Desk", members };
  let passedMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + passedMs };
  const limits = { defaultSeconds: 3600, minSeconds: 60, maxSeconds: 86_400 };
  const engine = subscriptions({
    packages: [dialog],
    agent,
    wheel: new TimerWheel(systemClock),
    clock,
    random,
    store: Object.assign(memoryStore({ node: "bench", clock }), { put: () => undefined, delete: () => undefined }),
    log: silentLog,
    settings: { subscribe: limits, publish: limits, watchersPerAorMax: 1000, publicationsPerAorMax: 10, publishBodyMax: 10_000 },
    profileOf: () => STANDARD,
    mayPublish: () => true,
    lists: { listAt: ({ user }) => (user === "desk" ? desk : null), list: () => desk, personAt: ({ user }) => aorOf(user ?? "", DOMAIN), nameOf: () => "Somebody" },
  });
  const tcp: Flow = { ...flow, protocol: "tcp" };

  let cseq = 1;
  const subscribe = (uri: string, aor: Aor | null, watcher: number, index: number, toTag: string): string => {
    passedMs += 20;
    messages += 2;
    const text =
      `SUBSCRIBE ${toTag === "" ? uri : "sip:192.0.2.1:5060"} SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.9:5062;branch=z9hG4bK-${index}-${cseq}\r\nMax-Forwards: 70\r\nFrom: "Watcher" <sip:${watcher}@${DOMAIN}>;tag=from${index}\r\n` +
      `To: <${uri}>${toTag === "" ? "" : `;tag=${toTag}`}\r\nCall-ID: 3f1c9a7e5b2d4c6f8a0b1c2d3e4f5a6b-${index}@192.0.2.9\r\nCSeq: ${cseq++} SUBSCRIBE\r\nContact: <sip:${watcher}@192.0.2.9:5062;transport=tcp;line=x${index}>\r\n` +
      "Event: dialog\r\nSupported: eventlist\r\nAccept: application/dialog-info+xml, application/rlmi+xml, multipart/related\r\nUser-Agent: Yealink SIP-T46S 66.86.0.15\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n";
    const message = Message.of(wire(text));
    const localTag = randomHex(random, 6);
    const parsed = parseSipUri(message.requestUri);
    if (parsed === null) throw new Error("no URI");
    const call: Call = { message, source: tcp, uri: parsed, aor: toTag === "" ? aor : null, isOurs: true, caller: aorOf(String(watcher), DOMAIN), isTrusted: false, nextRoute: null, retargets: 0, localTag, keep: () => undefined, reply: () => undefined };
    const verdict = engine.feature.onRequest?.(call);
    if (verdict === undefined || verdict instanceof Promise || verdict.kind !== "handled") throw new Error(`not answered but ${JSON.stringify(verdict)}`);
    answerAll();
    return localTag;
  };
  const all = (tags: string[]): void => {
    for (let watcher = 0; watcher < WATCHERS; watcher++) {
      if (how === "list") tags[watcher] = once(desk.aor, null, watcher, watcher, tags[watcher]);
      else for (const [at, member] of members.entries()) tags[watcher * MEMBERS + at] = once(member, member, watcher, watcher * MEMBERS + at, tags[watcher * MEMBERS + at]);
    }
  };
  const once = (uri: string, aor: Aor | null, watcher: number, index: number, known = ""): string => {
    const tag = subscribe(uri, aor, 50_000 + watcher, index, known);
    return known === "" ? tag : known;
  };

  const tags: string[] = [];
  const before = heapUsed();
  all(tags);
  const bytes = (heapUsed() - before) / WATCHERS;
  messages = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (let round = 0; round < REFRESHES; round++) all(tags);
  const { user, system } = process.cpuUsage(cpu);
  const times = REFRESHES * WATCHERS;
  const name = how === "list" ? `one list of ${MEMBERS}` : `${MEMBERS} subscriptions`;
  const result = { name: `at rest, ${name}: renewed once (${messages / times} messages); bytes kept`, times, ns: ((user + system) * 1e3) / times, wallNs: ((performance.now() - began) * 1e6) / times, bytes };
  engine.close();
  return result;
}

function heapUsed(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed: heap, external } = process.memoryUsage();
  return heap + external;
}
