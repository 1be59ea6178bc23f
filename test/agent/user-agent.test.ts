import { describe, expect, test } from "vitest";
import type { AgentDialog, AgentOutcome } from "../../src/agent/agent.ts";
import type { Way } from "../../src/agent/agent.ts";
import { userAgent } from "../../src/agent/user-agent.ts";
import { keyedHash } from "../../src/base/keyed-hash.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { TransactionLayer } from "../../src/sip/transaction/layer.ts";
import { standardTimes } from "../../src/sip/transaction/machine.ts";
import type { Flow, Hop } from "../../src/sip/transport/transport.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { simNetwork } from "../sim/network.ts";

/** Our agent at 10.0.0.1, and peers that answer with a status, or not at all. */
async function rig(answers: Readonly<Record<string, number>>, way: (uri: string) => Way | Promise<Way> = () => ({ kind: "none", why: "nobody" }), registered: Flow | null = null) {
  const clock = new FakeClock();
  const random = seededRandom(5);
  const network = simNetwork({ clock, random });
  const transports = network.transports("10.0.0.1", ["udp://10.0.0.1:5060", "tcp://10.0.0.1:5060"]);
  const layer = new TransactionLayer({ transports, wheel: new TimerWheel(clock), random, hash: keyedHash(random.bytes(16)), times: standardTimes, transactionsMax: 100, log: silentLog, logsSip: false });
  await transports.start(layer);
  const got: Record<string, Message[]> = {};
  for (const [address, status] of Object.entries(answers)) {
    const all: Message[] = (got[address] = []);
    const peer = network.transports(address, [`udp://${address}:5060`, `tcp://${address}:5060`]);
    await peer.start({
      onMessage(text, flow) {
        const request = Message.of(text);
        all.push(request);
        if (status > 0) flow.send(`SIP/2.0 ${status} X\r\n${["Via", "From", "To", "Call-ID", "CSeq"].map((name) => `${name}: ${request.headerNamed(name) ?? ""}\r\n`).join("")}Content-Length: 0\r\n\r\n`);
      },
      onClosed: () => undefined,
    });
  }
  const asked: string[] = [];
  const ways = {
    ofUri: (uri: string) => {
      asked.push(uri);
      return way(uri);
    },
    flowOfContact: () => registered,
  };
  const agent = userAgent({ layer, transports, clock, ways });
  const outcomes: AgentOutcome[] = [];
  /** Sends a NOTIFY; what became of it, once, after `ms`. */
  const send = async (dialog: AgentDialog, ms = 100): Promise<string> => {
    let isSent = false;
    agent.send(dialog, { method: "NOTIFY", cseq: 7, headers: "Event: presence\r\n", contentType: "text/plain", body: "hi" }, (outcome) => {
      expect(isSent, "never before send returns").toBe(true);
      outcomes.push(outcome.kind === "answered" ? { ...outcome, response: outcome.response.copy() } : outcome);
    });
    isSent = true;
    await clock.advanceAsync(ms);
    expect(outcomes).toHaveLength(1);
    const outcome = outcomes.pop();
    return outcome === undefined ? "" : outcome.kind === "answered" ? `answered ${outcome.status}` : outcome.kind;
  };
  const open = (address: string, protocol: "udp" | "tcp" = "udp"): Flow => transports.open({ protocol, address, port: 5060 }) ?? expect.unreachable();
  return { agent, send, got, asked, open, network };
}

const at = (address: string, protocol: "udp" | "tcp" = "udp"): Hop => ({ protocol, address, port: 5060 });
const SUBSCRIBE = (vias = 1, more = "", contact = "<sip:101@10.0.1.1:5060>"): Message =>
  Message.of(
    `SUBSCRIBE sip:102@tel.example.test SIP/2.0\r\n${"Via: SIP/2.0/UDP 10.0.1.1;branch=z9hG4bK1\r\n".repeat(vias)}${more}From: "A;tag=x" <sip:101@h;p=1>;x=y;tag=theirs\r\nTo: sip:102@tel.example.test;z=1\r\nCall-ID: c@h\r\nCSeq: 1 SUBSCRIBE\r\nContact: ${contact}\r\n\r\n`,
  );
const dialog: AgentDialog = { callId: "c@h", localTag: "ours", remoteTag: "theirs", local: "<sip:102@x>", remote: "<sip:101@h>", target: "sip:101@10.0.1.1", routes: [], flow: null };

describe("the dialog that a request makes with us (RFC 3261 §12.1.1)", () => {
  test("takes names, tags, target and route set from it; the tag is a parameter of its own", async () => {
    const { agent, open } = await rig({});
    const flow = open("10.0.1.1");
    expect(agent.dialogOf(SUBSCRIBE(1, "Record-Route: <sip:r1;lr>, <sip:r2;lr>\r\n"), flow, "ours")).toEqual({
      callId: "c@h",
      localTag: "ours",
      remoteTag: "theirs",
      local: "<sip:102@tel.example.test>;z=1",
      remote: '"A;tag=x" <sip:101@h;p=1>;x=y',
      target: "sip:101@10.0.1.1:5060",
      routes: ["<sip:r1;lr>", "<sip:r2;lr>"],
      flow,
    });
  });
  test("what another proxy brought does not come by the peer's own way", async () => {
    const { agent, open } = await rig({});
    const flow = open("10.0.1.1");
    const made = agent.dialogOf(SUBSCRIBE(2), flow, "ours");
    expect([made.flow, agent.refreshed({ ...made, flow }, SUBSCRIBE(2), flow).flow, agent.refreshed(made, SUBSCRIBE(), flow).flow]).toEqual([null, null, flow]);
  });
  test("a later request renews target and way, not the route set", async () => {
    const { agent, open } = await rig({});
    const flow = open("10.0.1.2");
    const later = agent.refreshed({ ...dialog, routes: ["<sip:r1;lr>"] }, SUBSCRIBE(1, "Record-Route: <sip:other;lr>\r\n", "<sip:101@new>"), flow);
    expect(later).toEqual({ ...dialog, routes: ["<sip:r1;lr>"], target: "sip:101@new", flow });
  });
  test.each(["*", '"x', "<>"])("a Contact that leads nowhere is refused: %s", async (contact) => {
    const { agent, open } = await rig({});
    expect(() => agent.dialogOf(SUBSCRIBE(1, "", contact), open("10.0.1.1"), "ours")).toThrow();
  });
});

describe("a request within it", () => {
  test("is written by the dialog and goes by the peer's own way", async () => {
    const { send, got, open, asked } = await rig({ "10.0.1.1": 200 });
    expect(await send({ ...dialog, flow: open("10.0.1.1") })).toBe("answered 200");
    expect(asked).toEqual([]);
    expect(got["10.0.1.1"]?.[0]?.text.replace(/branch=[^;]+/, "branch=B")).toBe(
      "NOTIFY sip:101@10.0.1.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=B;rport\r\nMax-Forwards: 70\r\nFrom: <sip:102@x>;tag=ours\r\nTo: <sip:101@h>;tag=theirs\r\nCall-ID: c@h\r\nCSeq: 7 NOTIFY\r\n" +
        "Contact: <sip:10.0.0.1:5060>\r\nUser-Agent: Lamplight\r\nEvent: presence\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi",
    );
  });
  test.each([
    ["loose routers", ["<sip:r1;lr>", "<sip:r2;lr>"], "sip:101@10.0.1.1", ["<sip:r1;lr>", "<sip:r2;lr>"]],
    ["a strict router first (RFC 3261 §12.2.1.1)", ["<sip:r1>", "<sip:r2;lr>"], "sip:r1", ["<sip:r2;lr>", "<sip:101@10.0.1.1>"]],
  ])("by %s", async (_name, routes, uri, left) => {
    const { send, got, asked } = await rig({ "10.0.2.1": 200 }, () => ({ kind: "hops", hops: [at("10.0.2.1")] }));
    expect(await send({ ...dialog, routes })).toBe("answered 200");
    const [request] = got["10.0.2.1"] ?? [];
    expect([asked[0]?.split(";")[0], request?.requestUri, request?.values(Header.route)]).toEqual(["sip:r1", uri, left]);
  });
  test("when the peer's connection is gone, by the one that it has registered by since, else by its Contact", async () => {
    const { open, network } = await rig({ "10.0.1.1": 200 });
    network.refuse("10.0.1.1");
    const gone = open("10.0.1.1", "tcp");
    gone.close();
    const { send, got, asked } = await rig({ "10.0.1.1": 200 }, () => ({ kind: "hops", hops: [at("10.0.1.1")] }));
    expect([await send({ ...dialog, flow: gone }), asked, got["10.0.1.1"]?.length]).toEqual(["answered 200", ["sip:101@10.0.1.1"], 1]);
  });
  test.each([
    ["the first refuses", { "10.0.2.1": 0, "10.0.2.2": 200 }, [at("10.0.2.1", "tcp"), at("10.0.2.2")], 5000, "answered 200"],
    ["the first answers 503", { "10.0.2.1": 503, "10.0.2.2": 200 }, [at("10.0.2.1"), at("10.0.2.2")], 100, "answered 200"],
    ["the first is silent: timer F", { "10.0.2.1": 0, "10.0.2.2": 481 }, [at("10.0.2.1"), at("10.0.2.2")], 33_000, "answered 481"],
    ["the last answers 503", { "10.0.2.1": 503 }, [at("10.0.2.1")], 100, "answered 503"],
    ["all are silent", { "10.0.2.1": 0 }, [at("10.0.2.1")], 33_000, "timeout"],
    ["there is no way", {}, [], 100, "unreachable"],
  ] as const)("failover: %s", async (name, answers, hops, ms, expected) => {
    const { send, network } = await rig(answers, () => Promise.resolve({ kind: "hops", hops }));
    if (name === "the first refuses") network.refuse("10.0.2.1");
    expect(await send(dialog, ms)).toBe(expected);
  });
  test.each<[string, () => Way | Promise<Way>]>([
    ["nowhere", () => ({ kind: "none", why: "no such host" })],
    ["and the question fails", () => Promise.reject(new Error("DNS is down"))],
  ])("a name that leads %s: unreachable, said once and not at once", async (_name, way) => {
    const { send } = await rig({}, way);
    expect(await send(dialog)).toBe("unreachable");
  });
});
