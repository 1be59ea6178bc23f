import { parseAor, type Aor } from "../../src/base/ids.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import type { Dialog } from "../../src/dialog/dialog.ts";
import { dialogTable, type DialogTable } from "../../src/dialog/dialog-table.ts";
import type { ObservedFork } from "../../src/proxy/call-observer.ts";
import { Message } from "../../src/sip/message.ts";
import { parseSipUri } from "../../src/sip/uri.ts";
import type { Store } from "../../src/store/store.ts";
import { FakeClock } from "../sim/fake-clock.ts";

/** `102` is `sip:102@tel.example.test`. */
export function person(user: string): Aor {
  const aor = parseAor(`sip:${user}@tel.example.test`);
  if (aor === null) throw new Error(`no user: ${user}`);
  return aor;
}

const NAMES: Readonly<Record<string, string>> = { "101": "Alice", "102": "Bob", "103": "Carole", "104": "Dé" };

/** A table in made-up time, for the users 101 to 199. */
export function tableOf(options: { readonly store?: Store; readonly clock?: FakeClock; readonly ageMaxMs?: number; readonly seed?: number; readonly contactsOf?: (aor: Aor) => readonly string[] } = {}): {
  readonly table: DialogTable;
  readonly clock: FakeClock;
  readonly changes: Aor[];
} {
  const clock = options.clock ?? new FakeClock();
  const table = dialogTable({
    clock,
    wheel: new TimerWheel(clock),
    random: seededRandom(options.seed ?? 1),
    settings: { ageMaxMs: options.ageMaxMs ?? 43_200_000 },
    identify: (text) => {
      const uri = parseSipUri(text);
      return uri?.host === "tel.example.test" && /^1\d\d$/.test(uri.user ?? "") ? person(uri.user ?? "") : null;
    },
    nameOf: (aor) => NAMES[aor.slice(4, 7)] ?? "",
    log: silentLog,
    ...(options.store === undefined ? {} : { store: options.store }),
    ...(options.contactsOf === undefined ? {} : { contactsOf: options.contactsOf }),
  });
  const changes: Aor[] = [];
  // A watcher looks at what changed, as a subscription does: what nobody has seen is not shown as terminated.
  table.onChange((aor) => {
    changes.push(aor);
    table.dialogsOf(aor);
  });
  return { table, clock, changes };
}

let lastFork = 0;

/** One INVITE that is forked, as a proxy would report it, with real texts. */
export class TestCall {
  readonly fork: ObservedFork;
  #table: DialogTable;
  #cseq = 1;

  constructor(table: DialogTable, from: string, to: string, options: { readonly callId?: string; readonly fromTag?: string; readonly fromText?: string } = {}) {
    this.#table = table;
    const id = ++lastFork;
    const callId = options.callId ?? `a-call-id-of-some-length-${id}@10.0.0.1`;
    const fromTag = options.fromTag ?? `caller-tag-${id}-long-enough`;
    const isOurs = (user: string): boolean => /^1\d\d$/.test(user);
    this.fork = {
      id,
      callId,
      fromTag,
      from: `${options.fromText ?? `"Phone of ${from}" <sip:${from}@tel.example.test>`};tag=${fromTag}`,
      to: `<sip:${to}@tel.example.test>`,
      contact: `sip:${from}@10.0.0.1:5060`,
      caller: isOurs(from) ? person(from) : null,
      callee: isOurs(to) ? person(to) : null,
      control: { addBranch: () => false, cancelOthers: () => undefined, answerCaller: () => "late", invite: () => null },
    };
    table.onInvite(this.fork);
  }

  /** From now on its messages pass by another table, which does not know it. */
  of(table: DialogTable): this {
    this.#table = table;
    return this;
  }

  /** A branch of `user`'s device answers; without `tag` the To header has none. `headers`: whole lines. */
  answers(branch: number, user: string, status: number, tag = "", headers = ""): this {
    const reached = status >= 200 && status < 300 ? `Contact: <sip:${user}@10.0.0.2>\r\nRecord-Route: <sip:token@10.0.0.100;lr>\r\n` : "";
    this.#table.onBranchResponse(this.fork, branch, /^1\d\d$/.test(user) ? person(user) : null, this.response(status, "INVITE", tag, this.fork.fromTag, "", headers + reached));
    return this;
  }

  /** A branch ends without an answer. */
  loses(branch: number): this {
    this.#table.onBranchEnd(this.fork, branch);
    return this;
  }

  /** The caller gets the final answer. */
  ends(status: number): this {
    this.#table.onForkEnd(this.fork, status);
    return this;
  }

  /** Answered by the device `branch` of `user`: 200 and the end of the fork. */
  isAnswered(branch: number, user: string, tag: string): this {
    return this.answers(branch, user, 200, tag).ends(200);
  }

  /** A request within the dialog with the callee's `tag`, from the caller unless `by` says otherwise. */
  asks(method: string, tag: string, options: { readonly by?: "caller" | "callee"; readonly sdp?: string; readonly callId?: string; readonly headers?: string; readonly cseq?: number } = {}): this {
    const body = options.sdp ?? "";
    if (method !== "ACK") this.#cseq = options.cseq ?? this.#cseq + 1;
    const cseq = options.cseq ?? this.#cseq;
    const [from, to] = options.by === "callee" ? [tag, this.fork.fromTag] : [this.fork.fromTag, tag];
    this.#table.onDialogRequest(
      Message.of(
        `${method} sip:x@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: ${options.by === "callee" ? this.fork.to : this.#bare};tag=${from}\r\nTo: ${options.by === "callee" ? this.#bare : this.fork.to};tag=${to}\r\n` +
          `Call-ID: ${options.callId ?? this.fork.callId}\r\nCSeq: ${cseq} ${method}\r\n${options.headers ?? ""}${body === "" ? "" : "Content-Type: application/sdp\r\n"}Content-Length: ${body.length}\r\n\r\n${body}`,
      ),
    );
    return this;
  }

  /** The response to such a request; null: none came. */
  replies(method: string, status: number | null, tag: string, options: { readonly by?: "caller" | "callee"; readonly sdp?: string; readonly headers?: string; readonly cseq?: number } = {}): this {
    const [from, to] = options.by === "caller" ? [tag, this.fork.fromTag] : [this.fork.fromTag, tag];
    if (status !== null) this.#table.onDialogResponse(method, this.fork.callId, this.response(status, method, to, from, options.sdp, options.headers, options.cseq));
    else this.#table.onDialogSilence(Message.of(`${method} sip:x@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=${from}\r\nTo: <sip:c@d>;tag=${to}\r\nCall-ID: ${this.fork.callId}\r\nCSeq: ${this.#cseq} ${method}\r\nContent-Length: 0\r\n\r\n`));
    return this;
  }

  get #bare(): string {
    return this.fork.from.replace(/;tag=.*$/, "");
  }

  response(status: number, method: string, toTag: string, fromTag = this.fork.fromTag, body = "", headers = "", cseq = this.#cseq): Message {
    return Message.of(
      `SIP/2.0 ${status} Whatever\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=${fromTag}\r\nTo: <sip:c@d>${toTag === "" ? "" : `;tag=${toTag}`}\r\n` +
        `Call-ID: ${this.fork.callId}\r\nCSeq: ${cseq} ${method}\r\n${headers}${body === "" ? "" : "Content-Type: application/sdp\r\n"}Content-Length: ${body.length}\r\n\r\n${body}`,
    );
  }
}

/** A person's dialogs in short: `recipient early` … */
export function seen(table: DialogTable, user: string): string[] {
  return table.dialogsOf(person(user)).map((dialog) => `${dialog.direction} ${dialog.state}${dialog.onHold ? " held" : ""}`);
}

/** The only dialog of a person that has not ended. */
export function liveOne(table: DialogTable, user: string): Dialog {
  const live = table.dialogsOf(person(user)).filter((dialog) => dialog.state !== "terminated");
  const [first] = live;
  if (first === undefined || live.length !== 1) throw new Error(`${live.length} live dialogs of ${user}`);
  return first;
}
