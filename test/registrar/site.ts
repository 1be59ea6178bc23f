import { parseAor, type Aor } from "../../src/base/ids.ts";
import { keyedHash } from "../../src/base/keyed-hash.ts";
import { silentLog } from "../../src/base/log.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import type { Call } from "../../src/proxy/feature.ts";
import type { Verdict } from "../../src/proxy/verdict.ts";
import { registrar, type Registrar, type RegistrarSettings } from "../../src/registrar/registrar.ts";
import { Message } from "../../src/sip/message.ts";
import type { Answer } from "../../src/sip/response.ts";
import type { Flow, Hop, Protocol } from "../../src/sip/transport/transport.ts";
import { parseSipUri } from "../../src/sip/uri.ts";
import type { Store, StoredRecord } from "../../src/store/store.ts";
import { FakeClock } from "../sim/fake-clock.ts";

export const domain = "tel.example.test";

export function aor(user: string): Aor {
  const parsed = parseAor(`sip:${user}@${domain}`);
  if (parsed === null) throw new Error(`no AoR: ${user}`);
  return parsed;
}

/** A flow of which nothing leaves. */
export type FakeFlow = { -readonly [Key in keyof Flow]: Flow[Key] };

let connections = 0;

export function flowFrom(protocol: Protocol, remoteAddress: string, remotePort: number, network = "default"): FakeFlow {
  return {
    protocol,
    listener: { protocol, address: "0.0.0.0", port: 5060, network, url: `${protocol}://0.0.0.0:5060` },
    localAddress: "192.0.2.1",
    localPort: 5060,
    remoteAddress,
    remotePort,
    connection: protocol === "udp" ? 0 : ++connections,
    isOpen: true,
    send: () => true,
    close: () => undefined,
  };
}

/** What a REGISTER of the tests is made of; everything has a default. */
export interface RegisterText {
  readonly to?: string;
  readonly uri?: string;
  readonly callId?: string;
  readonly cseq?: number | string;
  readonly via?: string;
  /** Whole header lines without their line ends, Contact lines among them. */
  readonly lines?: readonly string[];
}

export function registerText(parts: RegisterText = {}): string {
  const to = parts.to ?? `<sip:101@${domain}>`;
  return [
    `REGISTER ${parts.uri ?? `sip:${domain}`} SIP/2.0`,
    `Via: ${parts.via ?? "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1;rport"}`,
    "Max-Forwards: 70",
    `From: ${to};tag=a`,
    `To: ${to}`,
    `Call-ID: ${parts.callId ?? "c1"}`,
    `CSeq: ${parts.cseq ?? 1} REGISTER`,
    ...(parts.lines ?? []),
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
}

/** A store in memory that keeps JSON, as the real ones do. */
export function memoryStore(rows = new Map<string, string>()): Store & { readonly rows: Map<string, string> } {
  return {
    rows,
    *load(table): Iterable<StoredRecord> {
      for (const [key, json] of rows) if (key.startsWith(`${table} `)) yield { key: key.slice(table.length + 1), value: JSON.parse(json) as unknown, node: "n", version: 1 };
    },
    put(table, key, value) {
      rows.set(`${table} ${key}`, JSON.stringify(value));
    },
    delete(table, key) {
      rows.delete(`${table} ${key}`);
    },
    started: () => undefined,
    commit: () => undefined,
    isImmediate: true,
    kept: (done) => {
      done(true);
    },
    health: () => ({ isStalled: false, pendingRecords: 0, pendingBytes: 0, pendingSeconds: 0, unwrittenRecords: 0 }),
    backup: () => Promise.reject(new Error("not here")),
    flushed: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

export interface Reply {
  readonly status: number;
  readonly reason: string;
  readonly headers: string;
  /** The Contact values of the answer. */
  readonly contacts: readonly string[];
}

export interface Site {
  readonly registrar: Registrar;
  readonly clock: FakeClock;
  readonly wheel: TimerWheel;
  readonly store: ReturnType<typeof memoryStore>;
  /** Every change that was reported: `101 on`, `101 off`. */
  readonly changes: string[];
  /** UDP ways that were opened again. */
  readonly opened: Hop[];
  send(text: string, flow?: Flow): Reply;
  verdict(text: string, flow?: Flow): Verdict;
  /** The same data and secret in a new process. */
  restart(): Site;
}

const defaults: RegistrarSettings = { expires: { defaultSeconds: 600, minSeconds: 60, maxSeconds: 7200 }, contactsMax: 4 };
export const udpFlow = flowFrom("udp", "192.0.2.7", 5060);

/** A registrar with users 101, 102 and 103, time that stands still, and a store in memory. */
export function site(settings: RegistrarSettings = defaults, clock = new FakeClock(), store = memoryStore()): Site {
  const wheel = new TimerWheel(clock);
  const opened: Hop[] = [];
  const made = registrar({
    directory: { aorOf: (user, host) => (host === domain && /^10[123]$/.test(user) ? aor(user) : null) },
    wheel,
    clock,
    store,
    open: (hop) => {
      opened.push(hop);
      return flowFrom(hop.protocol, hop.address, hop.port, hop.network);
    },
    settings,
    hash: keyedHash(Buffer.from("0123456789abcdef")),
    log: silentLog,
  });
  const changes: string[] = [];
  made.onChange((who, isRegistered) => changes.push(`${who.slice(4, 7)} ${isRegistered ? "on" : "off"}`));
  const ask = (text: string, flow: Flow): { verdict: Verdict; answer: Answer | null } => {
    let answer: Answer | null = null;
    const message = Message.of(text);
    const uri = parseSipUri(message.requestUri);
    if (uri === null) throw new Error("the test's request URI cannot be read");
    const call: Call = {
      message,
      source: flow,
      uri,
      aor: null,
      isOurs: uri.host === domain,
      caller: null,
      isTrusted: false,
      nextRoute: null,
      retargets: 0,
      localTag: "t",
      keep: () => undefined,
      reply: (given) => {
        answer = given;
      },
    };
    const verdict = made.feature.onRequest?.(call);
    if (verdict === undefined || verdict instanceof Promise) throw new Error("the registrar answers at once");
    return { verdict, answer };
  };
  return {
    registrar: made,
    clock,
    wheel,
    store,
    changes,
    opened,
    verdict: (text, flow = udpFlow) => ask(text, flow).verdict,
    send: (text, flow = udpFlow) => {
      const { verdict, answer } = ask(text, flow);
      const reply = verdict.kind === "reply" ? verdict : answer;
      if (reply === null) throw new Error(`no answer: ${verdict.kind}`);
      const headers = reply.headers ?? "";
      const contacts = [...headers.matchAll(/^Contact: (.*)\r$/gm)].map((found) => found[1] ?? "");
      return { status: reply.status, reason: reply.reason ?? "", headers, contacts };
    },
    restart: () => {
      wheel.close();
      const next = site(settings, clock, memoryStore(new Map(store.rows)));
      next.registrar.restore();
      return next;
    },
  };
}
