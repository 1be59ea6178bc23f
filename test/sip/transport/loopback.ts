import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { systemTransports } from "../../../src/sip/transport/system-transports.ts";
import type { SystemTransports, SystemTransportsOptions } from "../../../src/sip/transport/system-transports.ts";
import type { Flow, Listener, TransportHandler } from "../../../src/sip/transport/transport.ts";

/** Something that happened at a handler. */
export type Seen =
  | { readonly kind: "message"; readonly text: string; readonly flow: Flow }
  | { readonly kind: "oversized"; readonly text: string; readonly flow: Flow }
  | { readonly kind: "closed"; readonly text: string; readonly flow: Flow };

/** A handler that keeps what it sees, and lets a test wait for it. */
export class Recorder implements TransportHandler {
  readonly seen: Seen[] = [];
  /** What to do with each message besides keeping it. */
  onEach: (text: string, flow: Flow) => void = () => undefined;
  #waiters: (() => void)[] = [];

  onMessage(text: string, flow: Flow): void {
    this.#add({ kind: "message", text, flow });
    this.onEach(text, flow);
  }

  onOversized(head: string, flow: Flow): void {
    this.#add({ kind: "oversized", text: head, flow });
    flow.send("513");
  }

  onClosed(flow: Flow, why: string): void {
    this.#add({ kind: "closed", text: why, flow });
  }

  of(kind: Seen["kind"]): readonly Seen[] {
    return this.seen.filter((one) => one.kind === kind);
  }

  /** The next event of that kind beyond the first `skip`. */
  async wait(kind: Seen["kind"], skip = 0): Promise<Seen> {
    for (;;) {
      const found = this.of(kind)[skip];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  #add(seen: Seen): void {
    this.seen.push(seen);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

/** A running server on loopback ports that the system chose. */
export interface Running {
  readonly transports: SystemTransports;
  readonly recorder: Recorder;
  readonly listener: (at?: number) => Listener;
  readonly port: (at?: number) => number;
}

/** Starts transports; every option but `listen` has a default. */
export async function running(options: Pick<SystemTransportsOptions, "listen"> & Partial<SystemTransportsOptions>): Promise<Running> {
  const recorder = new Recorder();
  const transports = systemTransports({ clock: systemClock, log: silentLog, ...options });
  await transports.start(recorder);
  const listener = (at = 0): Listener => {
    const found = transports.listeners[at];
    if (found === undefined) throw new Error(`no listener ${String(at)}`);
    return found;
  };
  return { transports, recorder, listener, port: (at = 0) => listener(at).port };
}

/** A request with a body; `at` makes it differ. */
export function request(at: number | string, body = ""): string {
  return `OPTIONS sip:a.test SIP/2.0\r\nCall-ID: ${String(at)}\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`;
}

/** Certificates of one test authority, made by openssl. */
export interface TestAuthority {
  readonly ca: string;
  issue(name: string, alternativeNames: string): { readonly cert: string; readonly key: string };
  /** Removes its files; to be called after the last certificate. */
  remove(): void;
}

/** Makes an authority; takes a good tenth of a second. */
export function testAuthority(): TestAuthority {
  const folder = mkdtempSync(join(tmpdir(), "lamplight-tls-"));
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  };
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test Authority");
  let count = 0;
  return {
    ca: read("ca.pem"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
    issue(name, alternativeNames) {
      const base = `c${String(count++)}`;
      writeFileSync(join(folder, `${base}.ext`), `subjectAltName=${alternativeNames}\n`);
      openssl("req", ...newKey, "-keyout", `${base}.key`, "-out", `${base}.csr`, "-subj", `/CN=${name}`);
      openssl("x509", "-req", "-in", `${base}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", `${base}.ext`, "-out", `${base}.pem`);
      return { cert: read(`${base}.pem`), key: read(`${base}.key`) };
    },
  };
}
