// What the subscription engine itself costs, without transport and store: a change with 10 watchers up to `agent.send` and its answer, a SUBSCRIBE, a
// refresh, and the memory of a subscription. Run it with
//   npx esbuild bench/micro/notify.ts --bundle --platform=node --format=esm --packages=external --outfile=dist/bench-notify.mjs && node --expose-gc dist/bench-notify.mjs
import type { Agent, AgentOutcome } from "../../src/agent/agent.ts";
import { userAgent } from "../../src/agent/user-agent.ts";
import { systemClock } from "../../src/base/clock.ts";
import { aorOf, type Aor } from "../../src/base/ids.ts";
import { silentLog } from "../../src/base/log.ts";
import { randomHex, systemRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import type { Call } from "../../src/proxy/feature.ts";
import { Message } from "../../src/sip/message.ts";
import type { Flow } from "../../src/sip/transport/transport.ts";
import { parseSipUri } from "../../src/sip/uri.ts";
import type { EventPackage, Rendered } from "../../src/subscription/event-package.ts";
import { subscriptions } from "../../src/subscription/subscriptions.ts";

const RESOURCES = 2000;
const WATCHERS = 10;
const ROUNDS = 20;

const random = systemRandom();
const outcomes: ((outcome: AgentOutcome) => void)[] = [];
let bytes = 0;
const builder = userAgent({} as unknown as Parameters<typeof userAgent>[0]);
const agent: Agent = {
  ...builder,
  send(dialog, request, done) {
    bytes += dialog.target.length + request.headers.length + (request.body ?? "").length;
    outcomes.push(done);
  },
};
const acknowledged = { kind: "answered", status: 200, response: Message.of("SIP/2.0 200 OK\r\n\r\n") } as const;

function answerAll(): void {
  for (const done of outcomes) done(acknowledged);
  outcomes.length = 0;
}

const state = new Map<Aor, Rendered>();
const filler = "<dialog id=\"d\"><state>early</state></dialog>".repeat(12);
function change(resource: Aor, to: number): void {
  state.set(resource, { contentType: "application/dialog-info+xml", head: `<?xml version="1.0"?><dialog-info version="`, tail: `" state="full" entity="${resource}">${filler}${String(to)}</dialog-info>`, isVersioned: true });
}
const dialog: EventPackage = {
  name: "dialog",
  types: ["application/dialog-info+xml"],
  publishTypes: [],
  admits: () => null,
  render: ({ resource }) => state.get(resource) ?? { contentType: "", head: "", tail: "", isVersioned: false },
};

const wheel = new TimerWheel(systemClock);
const limits = { defaultSeconds: 3600, minSeconds: 60, maxSeconds: 86_400 };
const engine = subscriptions({
  packages: [dialog],
  agent,
  wheel,
  clock: systemClock,
  random,
  store: { load: () => [], put: () => undefined, delete: () => undefined, flushed: () => Promise.resolve(), close: () => Promise.resolve() },
  log: silentLog,
  settings: { subscribe: limits, publish: limits, watchersPerAorMax: 100, publicationsPerAorMax: 10, publishBodyMax: 10_000 },
  mayPublish: () => true,
});

const listener = { protocol: "udp", address: "0.0.0.0", port: 5060, network: "default", url: "udp://0.0.0.0:5060" } as const;
const source: Flow = { protocol: "udp", listener, localAddress: "192.0.2.1", localPort: 5060, remoteAddress: "192.0.2.9", remotePort: 5062, connection: 0, isOpen: true, send: () => true, close: () => undefined };

const tags: string[] = [];
function subscribe(resource: Aor, watcher: string, index: number, toTag: string): void {
  const uri = toTag === "" ? resource : "sip:192.0.2.1:5060";
  const text =
    `SUBSCRIBE ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK-${String(index)}-${toTag}\r\nMax-Forwards: 70\r\nFrom: "Watcher" <sip:${watcher}@tel.example.test>;tag=from${String(index)}\r\n` +
    `To: <${resource}>${toTag === "" ? "" : `;tag=${toTag}`}\r\nCall-ID: 3f1c9a7e5b2d4c6f8a0b1c2d3e4f5a6b-${String(index)}@192.0.2.9\r\nCSeq: ${toTag === "" ? "1" : "2"} SUBSCRIBE\r\nContact: <sip:${watcher}@192.0.2.9:5062;transport=udp;line=x${String(index)}>\r\n` +
    `Event: dialog\r\nAccept: application/dialog-info+xml\r\nUser-Agent: Yealink SIP-T46S 66.86.0.15\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n`;
  const message = Message.of(Buffer.from(text, "latin1").toString("latin1"));
  const localTag = randomHex(random, 6);
  const parsed = parseSipUri(message.requestUri);
  if (parsed === null) throw new Error("no URI");
  const call: Call = { message, source, uri: parsed, aor: toTag === "" ? resource : null, isOurs: true, caller: aorOf(watcher, "tel.example.test"), isTrusted: false, nextRoute: null, retargets: 0, localTag, reply: () => undefined };
  const verdict = engine.feature.onRequest?.(call);
  if (verdict === undefined || verdict instanceof Promise || verdict.kind !== "handled") throw new Error("not answered");
  if (toTag === "") tags.push(localTag);
}

/** processor time of this process: wall time says nothing on a busy machine. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function heap(): number {
  for (let round = 0; round < 4; round++) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const resources = Array.from({ length: RESOURCES }, (_, at) => aorOf(String(10_000 + at), "tel.example.test"));
for (const resource of resources) change(resource, 0);
const before = heap();
let at = cpuMs();
resources.forEach((resource, index) => {
  for (let watcher = 0; watcher < WATCHERS; watcher++) subscribe(resource, String(50_000 + watcher), index * WATCHERS + watcher, "");
  answerAll();
});
const subscribed = cpuMs() - at;
const kept = heap() - before - tags.length * 40;
const count = RESOURCES * WATCHERS;
console.log(`SUBSCRIBE: ${((subscribed / count) * 1000).toFixed(2)} µs with its message's parsing; memory ${(kept / count).toFixed(0)} bytes a subscription`);

for (let round = 0; round < 4; round++) {
  at = cpuMs();
  resources.forEach((resource, index) => {
    for (let watcher = 0; watcher < WATCHERS; watcher++) subscribe(resource, String(50_000 + watcher), index * WATCHERS + watcher, tags[index * WATCHERS + watcher] ?? "");
    answerAll();
  });
  console.log(`refresh: ${(((cpuMs() - at) / count) * 1000).toFixed(2)} µs`);
}

for (let round = 1; round <= ROUNDS; round++) {
  at = cpuMs();
  for (const resource of resources) {
    change(resource, round);
    engine.changed("dialog", resource);
    answerAll();
  }
  if (round % 5 === 0) console.log(`change with ${String(WATCHERS)} watchers, to agent.send and its 200: ${(((cpuMs() - at) / RESOURCES) * 1000).toFixed(2)} µs`);
}

at = cpuMs();
for (const resource of resources) engine.changed("dialog", resource);
console.log(`change that nobody sees: ${(((cpuMs() - at) / RESOURCES) * 1000).toFixed(2)} µs (${String(bytes)} bytes of NOTIFYs, ${String(engine.counts().subscriptions)} subscriptions)`);
process.exit(0);
