import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { seededRandom, type Random } from "../../src/base/random.ts";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { corpus } from "./corpus.ts";
import { GOOD_MESSAGES } from "./good-messages.ts";
import { mutated, pick } from "./mutations.ts";
import { USERS } from "./outcomes.ts";
import { forwardingMistakes, responseMistakes } from "./preserved.ts";
import { responseTo, statusOf, TortureServer } from "./torture-server.ts";
import type { Sent, WireFlow } from "./wire.ts";

const SEED = Number(process.env["TORTURE_SEED"] ?? 20261121);
const COUNT = Number(process.env["TORTURE_COUNT"] ?? 100_000);
/** Of the server's work, for one message. */
const MESSAGE_MS_MAX = 20;
/** What may be left in memory after everything has ended: user agents and wrong guesses are remembered, within their bounds. */
const GROWTH_BYTES_MAX = 8 * 1024 * 1024;
/** Longer than every timer of a server: dialogs and registrations included. */
const ALL_TIMERS_MS = 8 * 86_400_000;

test(`${COUNT} mutations from seed ${SEED}: nothing breaks, nothing is forwarded broken, nothing is left over, and the server answers`, { timeout: 300_000 }, async () => {
  const collect = exposedGc();
  const server = await TortureServer.start({ users: USERS });
  const storm = new Storm(server, SEED);
  const startedMs = performance.now();
  // The first part warms up what is made once.
  storm.run(Math.floor(COUNT / 10));
  server.clock.advance(ALL_TIMERS_MS);
  storm.reset();
  collect();
  const heapBefore = process.memoryUsage().heapUsed;
  storm.run(COUNT - Math.floor(COUNT / 10));
  const seconds = (performance.now() - startedMs) / 1000;
  const isAlive = liveness(server);
  server.clock.advance(ALL_TIMERS_MS);
  storm.reset();
  collect();
  const growth = process.memoryUsage().heapUsed - heapBefore;
  const { table, counts } = server.server.layer;
  const slowestMs = await storm.judgeSuspects();
  const left = { transactions: table.count, texts: table.textCount, calls: server.server.dialogs.count, bindings: server.server.registrar.counts.bindings };
  console.log(
    `torture: ${COUNT} messages from seed ${SEED} in ${seconds.toFixed(1)} s: ${storm.forwarded} forwarded, ${storm.answered} answered, ${counts.responses} responses read, ${counts.unparsable} unreadable; ` +
      `slowest ${storm.slowestMs.toFixed(1)} ms, by itself ${slowestMs.toFixed(1)} ms; left ${JSON.stringify(left)}, heap ${(growth / 1024).toFixed(0)} KiB more, ${(table.textBytes / 2 ** 20).toFixed(0)} MiB of text pages`,
  );
  const where = `seed ${SEED}`;
  expect(storm.mistakes, where).toEqual([]);
  expect(server.errors.slice(0, 5), where).toEqual([]);
  expect(isAlive, where).toEqual([200, 200]);
  expect(left, where).toEqual({ transactions: 0, texts: 0, calls: 0, bindings: 0 });
  expect(growth, where).toBeLessThan(GROWTH_BYTES_MAX);
});

/** The statuses of an OPTIONS and a REGISTER. */
function liveness(server: TortureServer): number[] {
  const [, , , , , , , , options = ""] = GOOD_MESSAGES;
  const fresh = (text: string): string => text.replace(/z9hG4bK\w+/, "z9hG4bKalive").replace(/good-\w+/, "alive");
  const from = server.wire.peer("udp", "203.0.113.77", 5060);
  return [options, (GOOD_MESSAGES[0] ?? "").replaceAll("joe", "remote-target").replace(/;\+sip.*reg-id=1/, "")].map((text) => statusOf(server.datagram(fresh(text), from).answers[0]));
}

/** Messages in, checks on what comes out. */
class Storm {
  readonly mistakes: string[] = [];
  forwarded = 0;
  answered = 0;
  slowestMs = 0;
  readonly #server: TortureServer;
  readonly #random: Random;
  readonly #base: readonly string[];
  /** Requests that the server sent lately: to be answered, or taken up as dialogs. */
  readonly #lately: Sent[] = [];
  readonly #view = new Message();
  readonly #suspects: { readonly text: string; readonly isStream: boolean }[] = [];
  #cutMessage = 0;
  #cutAt = 0;
  #sequence = 0;

  constructor(server: TortureServer, seed: number) {
    this.#server = server;
    this.#random = seededRandom(seed);
    this.#base = [...[...corpus().values()].map(({ text }) => text), ...GOOD_MESSAGES, ...GOOD_MESSAGES];
  }

  /** Forgets what it could answer, and what was sent meanwhile. */
  reset(): void {
    this.#lately.length = 0;
    this.#server.takeSent();
  }

  run(count: number): void {
    for (let at = 0; at < count; at++) {
      this.#one();
      this.#server.clock.advance(this.#random.below(20));
      for (const sent of this.#server.takeSent()) this.#note(sent);
    }
  }

  #one(): void {
    const random = this.#random;
    const { wire } = this.#server;
    const turn = random.below(100);
    if (turn < 20 && this.#lately.length > 0) {
      const sent = pick(random, this.#lately);
      const response = responseTo(sent.text, pick(random, STATUSES), "Whatever", random.below(3) === 0 ? `Contact: <sip:${pick(random, ["user", "joe", "watson"])}@example.com>\r\nRetry-After: 3\r\n` : "Contact: <sip:far@198.51.100.7>\r\n");
      this.#feed(random.below(3) === 0 ? response : mutated(random, response, pick(random, this.#base)), sent.flow, false);
      return;
    }
    if (turn < 30 && this.#lately.length > 0) {
      const request = inDialog(random, pick(random, this.#lately).text, ++this.#sequence);
      this.#feed(random.below(2) === 0 ? request : mutated(random, request, pick(random, this.#base)), this.#peer(), false);
      return;
    }
    if (turn < 45) {
      this.#feed(this.#nextCut(), this.#peer(), false);
      return;
    }
    const text = this.#fresh(pick(random, this.#base));
    const spoiled = random.below(12) === 0 ? text : mutated(random, text, pick(random, this.#base));
    const isStream = random.below(4) === 0;
    const flow = isStream ? wire.peer("tcp", "203.0.113.6", 5060 + random.below(4)) : this.#peer();
    this.#feed(spoiled, flow, isStream);
    if (isStream && random.below(20) === 0) wire.close(flow);
  }

  #peer(): WireFlow {
    return this.#server.wire.peer("udp", `203.0.113.${5 + this.#random.below(3)}`, 5060);
  }

  /** Each message cut at each place, one after the other. */
  #nextCut(): string {
    const text = this.#base[this.#cutMessage % this.#base.length] ?? "";
    this.#cutAt += 3;
    if (this.#cutAt >= text.length) {
      this.#cutMessage++;
      this.#cutAt = this.#cutMessage % 3;
    }
    return this.#fresh(text).slice(0, this.#cutAt);
  }

  /** Mostly with a branch and a Call-ID of its own, so that it is not taken for a repetition. */
  #fresh(text: string): string {
    const number = ++this.#sequence;
    if (this.#random.below(10) === 0) return text;
    const branched = text.replace(/z9hG4bK[^;,\s]+/, `z9hG4bKm${number}`);
    return this.#random.below(3) === 0 ? branched : branched.replace(/^((?:Call-ID|i)\s*:\s*)/im, `$1m${number}`);
  }

  #feed(text: string, flow: WireFlow, isStream: boolean): void {
    const tookMs = this.#timed(this.#server, text, flow, isStream);
    this.slowestMs = Math.max(this.slowestMs, tookMs);
    const sent = this.#server.takeSent();
    if (tookMs > MESSAGE_MS_MAX) this.#suspects.push({ text, isStream });
    for (const one of sent) {
      this.#note(one);
      for (const mistake of this.#mistakesOf(one, text, isStream)) this.#mistake(mistake, text);
    }
  }

  #timed(server: TortureServer, text: string, flow: WireFlow, isStream: boolean): number {
    const startMs = performance.now();
    try {
      if (isStream) server.wire.receiveBytes(text, flow);
      else server.wire.receive(text, flow);
    } catch (err) {
      this.#mistake(`an exception escaped: ${err instanceof Error ? (err.stack ?? "") : String(err)}`, text);
    }
    return performance.now() - startMs;
  }

  /** What took too long may have met a busy machine: sent to new servers again, it must be as slow each time. The slowest that was so, in milliseconds. */
  async judgeSuspects(): Promise<number> {
    let slowestMs = 0;
    for (const { text, isStream } of this.#suspects) {
      let fastestMs = Number.POSITIVE_INFINITY;
      for (let again = 0; again < 5 && fastestMs > MESSAGE_MS_MAX / 4; again++) {
        const server = await TortureServer.start({ users: USERS });
        fastestMs = Math.min(fastestMs, this.#timed(server, text, server.wire.peer(isStream ? "tcp" : "udp", "203.0.113.9", 5060), isStream));
      }
      slowestMs = Math.max(slowestMs, fastestMs);
      if (fastestMs > MESSAGE_MS_MAX) this.#mistake(`${fastestMs.toFixed(1)} ms`, text);
    }
    return slowestMs;
  }

  #note(sent: Sent): void {
    if (sent.text.startsWith("SIP/2.0")) {
      this.answered++;
      return;
    }
    this.forwarded++;
    if (sent.text.length < 4000 && this.#lately.length < 64) this.#lately.push(sent);
    else if (sent.text.length < 4000) this.#lately[this.#random.below(64)] = sent;
  }

  #mistakesOf({ text: sent }: Sent, came: string, isStream: boolean): readonly string[] {
    if (sent.startsWith("SIP/2.0")) return responseMistakes(sent).filter((mistake) => !mistake.endsWith("header lines") || came.split("\n").length < 200);
    const message = this.#view;
    const error = message.parse(sent);
    if (error !== null) return [`what was sent cannot be read: ${error.message}: ${sent.slice(0, 400)}`];
    if (message.text !== sent) return ["what was sent ends after its own end, or has bare line feeds"];
    // Requests of our own (NOTIFY, CANCEL, the ACK of a failure) and those that a response set going come of another message; several may have stood in one stream.
    return !hasTwo(message) || isStream || came.startsWith("SIP/") ? [] : forwardingMistakes(came, sent);
  }

  #mistake(what: string, text: string): void {
    if (this.mistakes.length < 5) this.mistakes.push(`${what}\n--- of ${text.length} bytes:\n${JSON.stringify(text.slice(0, 3000))}`);
  }
}

/** True when a request has more than one Via. */
function hasTwo(message: Message): boolean {
  const line = message.lineOf(Header.via);
  return message.lineOf(Header.via, line) !== -1 || message.text.slice(message.valueStart(line), message.valueEnd(line)).includes(",");
}

const STATUSES = [100, 180, 183, 199, 200, 200, 202, 299, 300, 302, 305, 401, 404, 407, 408, 481, 486, 487, 500, 503, 600, 603, 699];

/** A request within the dialog that a forwarded request would make, by the Record-Route that the server gave it. */
function inDialog(random: Random, forwarded: string, sequence: number): string {
  const message = new Message();
  message.parse(forwarded);
  const routes = message.values(Header.recordRoute);
  const isBack = random.below(2) === 0;
  const [from, to] = [message.header(Header.from) ?? "", `${message.header(Header.to) ?? ""};tag=far`];
  const method = pick(random, ["ACK", "BYE", "INVITE", "INFO", "UPDATE", "NOTIFY", "SUBSCRIBE", "REFER"]);
  return (
    `${method} ${isBack ? (message.values(Header.contact)[0] ?? "<sip:a@h>").replace(/^.*<|>.*$/g, "") : "sip:far@198.51.100.7"} SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKd${sequence};rport\r\n` +
    `${(isBack ? routes : [...routes].reverse()).map((route) => `Route: ${route}\r\n`).join("")}Max-Forwards: 70\r\nFrom: ${isBack ? to : from}\r\nTo: ${isBack ? from : to}\r\nCall-ID: ${message.callId}\r\nCSeq: ${sequence} ${method}\r\nContent-Length: 0\r\n\r\n`
  );
}

/** The engine's collector: without it memory figures say nothing. */
function exposedGc(): () => void {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  return () => {
    gc();
    gc();
  };
}
