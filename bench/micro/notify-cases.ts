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
import { parseSipUri } from "../../src/sip/uri.ts";
import { memoryStore } from "../../src/store/memory-store.ts";
import type { EventPackage, Rendered } from "../../src/subscription/event-package.ts";
import { subscriptions } from "../../src/subscription/subscriptions.ts";
import type { MicroCase } from "./measure.ts";
import { flow, wire } from "./messages.ts";

const RESOURCES = 500;
const WATCHERS = 10;

/** What the subscription engine itself costs, without transport and store: a refresh, and a change with 10 watchers up to `agent.send` and the answers. */
export function notifyCases(): readonly MicroCase[] {
  const random = systemRandom();
  const outcomes: ((outcome: AgentOutcome) => void)[] = [];
  const builder = userAgent({} as unknown as Parameters<typeof userAgent>[0]);
  const agent: Agent = {
    ...builder,
    send(_dialog, _request, done) {
      outcomes.push(done);
    },
  };
  const acknowledged = { kind: "answered", status: 200, response: Message.of("SIP/2.0 200 OK\r\n\r\n") } as const;
  const answerAll = (): void => {
    for (const done of outcomes) done(acknowledged);
    outcomes.length = 0;
  };

  const state = new Map<Aor, Rendered>();
  const filler = '<dialog id="d"><state>early</state></dialog>'.repeat(12);
  const change = (resource: Aor, to: number): void => {
    state.set(resource, { contentType: "application/dialog-info+xml", head: `<?xml version="1.0"?><dialog-info version="`, tail: `" state="full" entity="${resource}">${filler}${to}</dialog-info>`, isVersioned: true });
  };
  const dialog: EventPackage = {
    name: "dialog",
    types: ["application/dialog-info+xml"],
    publishTypes: [],
    admits: () => null,
    render: ({ resource }) => state.get(resource) ?? { contentType: "", head: "", tail: "", isVersioned: false },
  };
  // A watcher may send 100 SUBSCRIBEs a second: between two of them some time passes.
  let passedMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + passedMs };
  const limits = { defaultSeconds: 3600, minSeconds: 60, maxSeconds: 86_400 };
  const deps = {
    packages: [dialog],
    agent,
    wheel: new TimerWheel(systemClock),
    clock,
    random,
    // One that keeps nothing: what keeping costs is measured apart.
    store: Object.assign(memoryStore({ node: "bench", clock }), { put: () => undefined, delete: () => undefined }),
    log: silentLog,
    settings: { subscribe: limits, publish: limits, watchersPerAorMax: 100, publicationsPerAorMax: 10, publishBodyMax: 10_000 },
    profileOf: () => STANDARD,
    mayPublish: () => true,
  };
  const engine = subscriptions(deps);

  let cseq = 1;
  const subscribe = (resource: Aor, index: number, toTag: string): string => {
    passedMs += 20;
    const watcher = String(50_000 + (index % WATCHERS));
    const uri = toTag === "" ? resource : "sip:192.0.2.1:5060";
    const text =
      `SUBSCRIBE ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK-${index}-${cseq}\r\nMax-Forwards: 70\r\nFrom: "Watcher" <sip:${watcher}@tel.example.test>;tag=from${index}\r\n` +
      `To: <${resource}>${toTag === "" ? "" : `;tag=${toTag}`}\r\nCall-ID: 3f1c9a7e5b2d4c6f8a0b1c2d3e4f5a6b-${index}@192.0.2.9\r\nCSeq: ${cseq++} SUBSCRIBE\r\nContact: <sip:${watcher}@192.0.2.9:5062;transport=udp;line=x${index}>\r\n` +
      "Event: dialog\r\nAccept: application/dialog-info+xml\r\nUser-Agent: Yealink SIP-T46S 66.86.0.15\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n";
    const message = Message.of(wire(text));
    const localTag = randomHex(random, 6);
    const parsed = parseSipUri(message.requestUri);
    if (parsed === null) throw new Error("no URI");
    const call: Call = { message, source: flow, uri: parsed, aor: toTag === "" ? resource : null, isOurs: true, caller: aorOf(watcher, "tel.example.test"), isTrusted: false, nextRoute: null, retargets: 0, localTag, keep: () => undefined, reply: () => undefined };
    const verdict = engine.feature.onRequest?.(call);
    if (verdict === undefined || verdict instanceof Promise || verdict.kind !== "handled") throw new Error(`not answered but ${JSON.stringify(verdict)}`);
    return localTag;
  };

  const resources = Array.from({ length: RESOURCES }, (_, at) => aorOf(String(10_000 + at), "tel.example.test"));
  const tags: string[] = [];
  resources.forEach((resource, index) => {
    change(resource, 0);
    for (let watcher = 0; watcher < WATCHERS; watcher++) tags.push(subscribe(resource, index * WATCHERS + watcher, ""));
    answerAll();
  });

  let turn = 0;
  const each = (once: (resource: Aor, turn: number) => void) => (times: number) => {
    for (let done = 0; done < times; done++, turn++) {
      const resource = resources[turn % RESOURCES];
      if (resource !== undefined) once(resource, turn);
    }
  };
  return [
    {
      name: `a change with ${WATCHERS} watchers, to agent.send and its 200s`,
      run: each((resource, at) => {
        change(resource, at);
        engine.changed("dialog", resource);
        answerAll();
      }),
    },
    { name: "a change that nobody sees", run: each((resource) => engine.changed("dialog", resource)) },
    {
      name: "a refresh, its message's parsing included, to agent.send and its 200",
      run: each((resource, at) => {
        const index = (at % RESOURCES) * WATCHERS;
        subscribe(resource, index, tags[index] ?? "");
        answerAll();
      }),
    },
  ];
}
