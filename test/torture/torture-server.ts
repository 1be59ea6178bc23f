import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { Config, DirectoryUser } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/loader.ts";
import { createServer, type Server } from "../../src/server.ts";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import type { Resolver } from "../../src/sip/resolver/resolve.ts";
import { memoryStore } from "../../src/store/memory-store.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { Wire, type Sent, type WireFlow } from "./wire.ts";

/** What the server did about one message. */
export interface Reaction {
  /** Requests that it sent on, in order. */
  readonly forwarded: readonly Sent[];
  /** Its own answers, 100 left out. */
  readonly answers: readonly Sent[];
}

interface Parts {
  readonly domain?: string;
  readonly users?: readonly string[];
  readonly seed?: number;
  readonly authentication?: "all" | "none";
}

/** Every host that is no address stands here. */
export const ELSEWHERE = "198.51.100.99";
/** Where registered phones are. */
export const PHONE = "198.51.100.7";
const LISTEN = ["udp://192.0.2.200:5060", "tcp://192.0.2.200:5060", "udp://[2001:db8::10]:5060", "tcp://[2001:db8::10]:5060", "udp://[2001:db8::10]:5070"];

/** A whole server in made-up time on a made-up wire. Everybody is trusted, so that what is well formed is really forwarded. */
export class TortureServer {
  readonly clock = new FakeClock();
  readonly wire = new Wire(LISTEN);
  readonly server: Server;
  /** What the server wrote as `error`: its own mistakes. */
  readonly errors: string[] = [];
  #sent: Sent[] = [];

  private constructor(domain: string, users: readonly string[], seed: number, authentication: "all" | "none") {
    const base = baseConfig();
    const config: Config = { ...base, domain, authentication: { ...base.authentication, require: authentication, trustedNetworks: authentication === "all" ? [] : base.authentication.trustedNetworks } };
    const log: Log = { debug: ignore, info: ignore, warn: ignore, error: (fields, text) => this.errors.push(`${text}: ${describe(fields.err)}`), isDebug: false };
    this.wire.onSent = (sent) => this.#sent.push(sent);
    this.server = createServer(
      config,
      { users: users.map(user) },
      { clock: this.clock, random: seededRandom(seed), transports: this.wire, store: memoryStore({ node: "torture", clock: this.clock }), resolver: elsewhere, log, machineAddresses: () => [] },
    );
  }

  /** `users`: ids; each is registered at a phone of his own name, unless passwords are asked for. */
  static async start(parts: Parts = {}): Promise<TortureServer> {
    const { domain = "example.com", users = ["user"], seed = 1, authentication = "none" } = parts;
    const torture = new TortureServer(domain, users, seed, authentication);
    await torture.server.start();
    if (authentication === "none") for (const id of users) torture.register(id, domain);
    torture.takeSent();
    return torture;
  }

  register(id: string, domain: string): void {
    const name = encodeURIComponent(id).replaceAll("%", "_");
    const aor = `sip:${escapeUser(id)}@${domain}`;
    const text = `REGISTER sip:${domain} SIP/2.0\r\nVia: SIP/2.0/UDP ${PHONE}:5060;branch=z9hG4bKreg${name}\r\nFrom: <${aor}>;tag=r\r\nTo: <${aor}>\r\nCall-ID: reg-${name}\r\nCSeq: 1 REGISTER\r\nContact: <sip:${name}@${PHONE}:5060>\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n`;
    const { answers } = this.datagram(text, this.wire.peer("udp", PHONE, 5060));
    if (statusOf(answers[0]) !== 200) throw new Error(`${id} was not registered: ${answers[0]?.text ?? "no answer"}`);
  }

  takeSent(): Sent[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }

  /** One datagram from a peer that nobody knows. */
  datagram(text: string, from: WireFlow = this.wire.peer("udp", "203.0.113.5", 5060)): Reaction {
    return this.#reaction(() => {
      this.wire.receive(text, from);
    });
  }

  /** Bytes on a connection of its own. */
  stream(text: string, from: WireFlow = this.wire.peer("tcp", "203.0.113.6", 5060)): Reaction {
    return this.#reaction(() => {
      this.wire.receiveBytes(text, from);
    });
  }

  #reaction(act: () => void): Reaction {
    this.takeSent();
    act();
    const sent = this.takeSent();
    return { forwarded: sent.filter(({ text }) => !text.startsWith("SIP/2.0")), answers: sent.filter(({ text }) => text.startsWith("SIP/2.0") && !text.startsWith("SIP/2.0 100")) };
  }
}

/** The status of a response that was sent; 0 for none. */
export function statusOf(sent: Sent | undefined): number {
  return sent === undefined ? 0 : Number(sent.text.slice(8, 11));
}

/** The response of the next hop to a request that it got from the server; `headers`: whole lines. */
export function responseTo(request: string, status: number, reason: string, headers = ""): string {
  const message = Message.of(request);
  let text = `SIP/2.0 ${status} ${reason}\r\n`;
  for (const [id, name] of [[Header.via, "Via"], [Header.recordRoute, "Record-Route"], [Header.from, "From"], [Header.to, "To"], [Header.callId, "Call-ID"], [Header.cseq, "CSeq"]] as const) {
    for (let line = message.lineOf(id); line !== -1; line = message.lineOf(id, line)) {
      const value = message.text.slice(message.valueStart(line), message.valueEnd(line));
      text += `${name}: ${value}${id === Header.to && status > 100 && !/;\s*tag\s*=/.test(value) ? ";tag=far" : ""}\r\n`;
    }
  }
  return `${text}${headers}Content-Length: 0\r\n\r\n`;
}

/** Knows addresses as they are; every name is the same host elsewhere. */
const elsewhere: Resolver = {
  resolve: ({ host, port, transport, secure }) => {
    const address = /^[\d.]+$|:/.test(host) ? host : ELSEWHERE;
    return [{ protocol: transport === "tcp" || secure ? "tcp" : "udp", address, port: port ?? 5060 }];
  },
};

let loaded: Config | null = null;

function baseConfig(): Config {
  if (loaded !== null) return loaded;
  const folder = mkdtempSync(join(tmpdir(), "lamplight-torture-"));
  writeFileSync(join(folder, "lamplight.yaml"), `domain: example.com\nlisten: ["udp://127.0.0.1:0"]\nstore: ./data\ndirectory: ./directory.yaml\nauthentication: { require: none, trusted_networks: ["0.0.0.0/0", "::/0"] }\n`);
  writeFileSync(join(folder, "directory.yaml"), "users: []\n");
  loaded = loadConfig(join(folder, "lamplight.yaml"), {}).config;
  rmSync(folder, { recursive: true, force: true });
  return loaded;
}

function user(id: string): DirectoryUser {
  return { id, name: id, aliases: [], numbers: [], inbound: "anyone", secret: { kind: "none" } };
}

function escapeUser(id: string): string {
  return id.replace(/[^A-Za-z0-9._!~'()&=+$,/?-]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function describe(err: unknown): string {
  return err instanceof Error ? (err.stack ?? err.message) : String(err);
}

function ignore(): void {
  /* only mistakes of ours are of interest here */
}
