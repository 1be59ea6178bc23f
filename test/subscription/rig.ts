import { aorOf, parseAor, type Aor } from "../../src/base/ids.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { phoneTable } from "../../src/phones/phone-table.ts";
import type { Call } from "../../src/proxy/feature.ts";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { tagOf } from "../../src/sip/name-addr.ts";
import type { Answer } from "../../src/sip/response.ts";
import type { Flow } from "../../src/sip/transport/transport.ts";
import { parseSipUri } from "../../src/sip/uri.ts";
import type { Store, StoredRecord, Table } from "../../src/store/store.ts";
import type { ChangeListener, EventPackage, Publication, Publishing, Rendered, Watching } from "../../src/subscription/event-package.ts";
import type { SubscriptionSettings } from "../../src/subscription/subscription-deps.ts";
import { subscriptions, type Subscriptions } from "../../src/subscription/subscriptions.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { FakeAgent } from "./fake-agent.ts";

export const DOMAIN = "tel.example.test";

export function aor(user: string): Aor {
  return aorOf(user, DOMAIN);
}

/** A way that is open and goes nowhere. */
export function fakeFlow(port = 5060): Flow {
  const listener = { protocol: "udp", address: "0.0.0.0", port: 5060, network: "default", url: "udp://0.0.0.0:5060" } as const;
  return { protocol: "udp", listener, localAddress: "192.0.2.1", localPort: 5060, remoteAddress: "192.0.2.9", remotePort: port, connection: 0, isOpen: true, send: () => true, close: () => undefined };
}

/** A store in memory; hand it to a second rig for a restart. */
export class MemoryStore implements Store {
  readonly records = new Map<Table, Map<string, unknown>>();
  puts = 0;

  load(table: Table): Iterable<StoredRecord> {
    return [...(this.records.get(table) ?? [])].map(([key, value]) => ({ key, value, node: "n", version: 1 }));
  }

  put(table: Table, key: string, value: unknown): void {
    this.puts++;
    // What cannot be written as JSON cannot be stored.
    const map = this.records.get(table) ?? new Map<string, unknown>();
    map.set(key, JSON.parse(JSON.stringify(value)));
    this.records.set(table, map);
  }

  delete(table: Table, key: string): void {
    this.records.get(table)?.delete(key);
  }

  size(table: Table): number {
    return this.records.get(table)?.size ?? 0;
  }

  readonly isImmediate: boolean = true;

  started(): void {
    // Read whenever a test likes.
  }

  commit(): void {
    // Every put is one.
  }

  kept(done: (isKept: boolean) => void): void {
    done(true);
  }

  health() {
    return { isStalled: false, pendingRecords: 0, pendingBytes: 0, pendingSeconds: 0, unwrittenRecords: 0 };
  }

  backup(): Promise<number> {
    return Promise.reject(new Error("not here"));
  }

  flushed(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A package whose state for a resource is a text that the test sets. */
export class FakePackage implements EventPackage {
  readonly name: string;
  readonly types: readonly string[];
  readonly publishTypes: readonly string[];
  readonly isVersioned: boolean;
  readonly states = new Map<Aor, string>();
  readonly published_: { id: string; publication: Publication }[] = [];
  readonly unpublished_: string[] = [];
  readonly seen: Watching[] = [];
  changed: ChangeListener = () => undefined;
  isBroken = false;
  #cache = new Map<string, Rendered>();

  constructor(name: string, types: readonly string[], publishTypes: readonly string[] = [], isVersioned = false) {
    this.name = name;
    this.types = types;
    this.publishTypes = publishTypes;
    this.isVersioned = isVersioned;
  }

  /** Sets a state and tells the engine. */
  set(resource: Aor, state: string): void {
    this.states.set(resource, state);
    this.changed(this.name, resource);
  }

  bodyFor(resource: Aor): string {
    return `state=${this.states.get(resource) ?? "none"}`;
  }

  admits(watching: Watching): { status: number; reason: string } | null {
    return watching.watcher === aor("enemy") ? { status: 403, reason: "Forbidden" } : null;
  }

  render(watching: Watching): Rendered {
    if (this.isBroken) throw new Error("broken on purpose");
    this.seen.push({ ...watching });
    const text = this.bodyFor(watching.resource);
    const contentType = watching.accept[0] ?? this.types[0] ?? "";
    const key = `${contentType}|${text}`;
    let found = this.#cache.get(key);
    if (found === undefined) {
      found = { contentType, head: this.isVersioned ? `${text};version=` : text, tail: this.isVersioned ? ";" : "", isVersioned: this.isVersioned };
      this.#cache.set(key, found);
    }
    return found;
  }

  checkPublication(_contentType: string, body: string): Publishing {
    return body.startsWith("bad") ? { kind: "refused", status: 400, reason: "Bad Request: no document" } : { kind: "taken" };
  }

  sameBody(_id: string, before: string, after: string): boolean {
    return before.trim() === after.trim();
  }

  published(id: string, publication: Publication): void {
    this.published_.push({ id, publication });
    this.set(publication.resource, publication.body.trim());
  }

  unpublished(id: string, resource: Aor): void {
    this.unpublished_.push(id);
    this.set(resource, "none");
  }
}

export const settings: SubscriptionSettings = {
  subscribe: { defaultSeconds: 3600, minSeconds: 60, maxSeconds: 86_400 },
  publish: { defaultSeconds: 3600, minSeconds: 60, maxSeconds: 7200 },
  watchersPerAorMax: 20,
  publicationsPerAorMax: 5,
  publishBodyMax: 1000,
};

/** What a request was answered with. */
export interface Answered extends Answer {
  /** True when the features after this one are asked. */
  readonly isContinued: boolean;
  /** The tag of our answers. */
  readonly localTag: string;
}

let requests = 0;

/** One engine with two packages, everything around it made up. */
export class Rig {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly agent = new FakeAgent();
  readonly wheel: TimerWheel;
  readonly presence = new FakePackage("presence", ["application/pidf+xml", "application/xpidf+xml"], ["application/pidf+xml"]);
  readonly dialog = new FakePackage("dialog", ["application/dialog-info+xml"], [], true);
  readonly engine: Subscriptions;

  constructor(from: { clock?: FakeClock; store?: MemoryStore; seed?: number; settings?: Partial<SubscriptionSettings> } = {}) {
    this.clock = from.clock ?? new FakeClock();
    this.store = from.store ?? new MemoryStore();
    this.wheel = new TimerWheel(this.clock);
    this.engine = subscriptions({
      packages: [this.presence, this.dialog],
      agent: this.agent,
      wheel: this.wheel,
      clock: this.clock,
      random: seededRandom(from.seed ?? 1),
      store: this.store,
      log: silentLog,
      settings: { ...settings, ...from.settings },
      profileOf: phoneTable().profileOf,
      mayPublish: (call) => call.caller === call.aor,
    });
    this.presence.changed = this.dialog.changed = this.engine.changed;
  }

  /** Hands a request to the feature. `lines` are header lines without their ends. */
  request(method: string, uri: string, caller: string | null, lines: readonly string[], body = "", flow = fakeFlow()): Answered {
    const all = lines.some((line) => line.startsWith("From:")) ? lines : [`From: <sip:${caller ?? "stranger"}@${DOMAIN}>;tag=f${String(++requests)}`, ...lines];
    const to = all.some((line) => line.startsWith("To:")) ? [] : [`To: <${uri}>`];
    const callId = all.some((line) => line.startsWith("Call-ID:")) ? [] : [`Call-ID: c${String(++requests)}`];
    const cseq = all.some((line) => line.startsWith("CSeq:")) ? [] : [`CSeq: 1 ${method}`];
    const message = Message.of([`${method} ${uri} SIP/2.0`, ...to, ...callId, ...cseq, ...all, "", body].join("\r\n"));
    const parsed = parseSipUri(uri);
    if (parsed === null) throw new Error("no URI");
    const isOurs = parsed.host === DOMAIN || parsed.host === "192.0.2.1";
    const localTag = `t${String(++requests)}`;
    const answers: Answer[] = [];
    const call: Call = {
      message,
      source: flow,
      uri: parsed,
      aor: isOurs && parsed.user !== null ? parseAor(`sip:${parsed.user}@${DOMAIN}`) : null,
      isOurs,
      caller: caller === null ? null : aor(caller),
      isTrusted: false,
      nextRoute: null,
      retargets: 0,
      localTag,
      keep: () => undefined,
      reply: (answer) => answers.push(answer),
    };
    const verdict = this.engine.feature.onRequest?.(call);
    if (verdict === undefined || verdict instanceof Promise) throw new Error("the feature answers at once");
    if (verdict.kind === "reply") return { ...verdict, isContinued: false, localTag };
    if (verdict.kind === "continue") return { status: 0, isContinued: true, localTag };
    const [answer] = answers;
    if (answers.length !== 1 || answer === undefined) throw new Error(`${String(answers.length)} answers`);
    return { ...answer, isContinued: false, localTag: tagOf(message.header(Header.to)) || localTag };
  }

  /** A subscription that was answered 200. Its first NOTIFY is the last that was sent. */
  subscribe(resource: string, watcher = "201", event = "presence", lines: readonly string[] = []): Watch {
    return new Watch(this, resource, watcher, event, lines);
  }

  publish(user: string, lines: readonly string[], body = ""): Answered {
    return this.request("PUBLISH", `sip:${user}@${DOMAIN}`, user, ["Event: presence", ...lines], body);
  }
}

/** A watcher's side of one subscription. */
export class Watch {
  readonly localTag: string;
  readonly answer: Answered;
  readonly callId = `call${String(++requests)}`;
  cseq = 1;
  #rig: Rig;
  readonly #watcher: string;
  readonly #event: string;
  readonly #from: string;

  constructor(rig: Rig, resource: string, watcher: string, event: string, lines: readonly string[]) {
    this.#rig = rig;
    this.#watcher = watcher;
    this.#event = event;
    this.#from = `From: <sip:${watcher}@${DOMAIN}>;tag=w${this.callId}`;
    const contact = lines.some((line) => line.startsWith("Contact:")) ? [] : [`Contact: <sip:${watcher}@192.0.2.9:5062>`];
    this.answer = rig.request("SUBSCRIBE", `sip:${resource}@${DOMAIN}`, watcher, [this.#from, `Call-ID: ${this.callId}`, `Event: ${event}`, ...contact, ...lines]);
    this.localTag = this.answer.localTag;
  }

  /** The same subscription at a server that was started anew. */
  movedTo(rig: Rig): this {
    this.#rig = rig;
    return this;
  }

  /** Another SUBSCRIBE in its dialog. */
  again(lines: readonly string[] = [], flow = fakeFlow(), watcher = this.#watcher): Answered {
    const cseq = lines.some((line) => line.startsWith("CSeq:")) ? [] : [`CSeq: ${String(++this.cseq)} SUBSCRIBE`];
    const event = lines.some((line) => line.startsWith("Event")) ? [] : [`Event: ${this.#event}`];
    return this.#rig.request("SUBSCRIBE", "sip:192.0.2.1:5060", watcher, [this.#from, `To: <sip:x@${DOMAIN}>;tag=${this.localTag}`, `Call-ID: ${this.callId}`, `Contact: <sip:${this.#watcher}@192.0.2.9:5062>`, ...cseq, ...event, ...lines], "", flow);
  }
}
