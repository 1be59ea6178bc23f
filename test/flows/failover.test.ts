import { createServer as createTcpServer } from "node:net";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import type { Resolver } from "../../src/sip/resolver/resolve.ts";
import type { Hop } from "../../src/sip/transport/transport.ts";
import { invite, registered } from "./calling.ts";
import type { Phone } from "./phone.ts";
import { Stage } from "./stage.ts";

// What takes 32 s (a host that never answers) is in test/proxy/fork.test.ts, in made-up time.

let stage: Stage;
afterEach(async () => {
  await stage.stop();
});

const FRIEND = "sip:friend@elsewhere.example";

/** A caller of ours, and hosts behind one name; `order` is filled when they are known. */
async function hosts(): Promise<{ alice: Phone; first: Phone; second: Phone; order: Hop[]; hopTo: (phone: Phone) => Hop }> {
  const order: Hop[] = [];
  const resolver: Resolver = { resolve: ({ host, port, transport }) => (host === "elsewhere.example" ? order : [{ protocol: transport ?? "udp", address: host, port: port ?? 5060 }]) };
  stage = await Stage.start({ resolver });
  const alice = await registered(stage, "101");
  const [first, second] = [await stage.phone("x", "udp", { domain: "elsewhere.example" }), await stage.phone("y", "udp", { domain: "elsewhere.example" })];
  const hopTo = (phone: Phone): Hop => ({ protocol: "udp", address: "127.0.0.1", port: Number(phone.address.split(":")[1]) });
  return { alice, first, second, order, hopTo };
}

test("the first host refuses the connection: the second is called", async () => {
  const { alice, second, order, hopTo } = await hosts();
  const closing = createTcpServer().listen(0, "127.0.0.1");
  await once(closing, "listening");
  const at = closing.address();
  order.push({ protocol: "tcp", address: "127.0.0.1", port: typeof at === "object" && at !== null ? at.port : 0 }, hopTo(second));
  closing.close();
  await once(closing, "close");
  await invite(alice, FRIEND);
  second.send(second.answer(await second.request("INVITE"), 486, "Busy Here", { tag: "s" }));
  await alice.response("INVITE", 486);
});

test("the first host answers 503: the second is called, and called first the next time", async () => {
  const { alice, first, second, order, hopTo } = await hosts();
  order.push(hopTo(first), hopTo(second));
  first.onRequest = (request) => (request.method === "INVITE" ? first.answer(request, 503, "Service Unavailable", { tag: "f", headers: "Retry-After: 30\r\n" }) : null);
  second.onRequest = (request) => (request.method === "INVITE" ? second.answer(request, 486, "Busy Here", { tag: "s" }) : null);
  for (const isFirstTime of [true, false]) {
    const sent = await invite(alice, FRIEND);
    await alice.response("INVITE", 486, sent.callId);
    await second.request("INVITE", (request) => request.callId === sent.callId);
    expect(first.received.some((message) => message.callId === sent.callId)).toBe(isFirstTime);
  }
});

test("every host answers 503: the caller hears 500, for it says nothing about us (RFC 3261 §16.7 step 6)", async () => {
  const { alice, first, second, order, hopTo } = await hosts();
  order.push(hopTo(first), hopTo(second));
  for (const host of [first, second]) host.onRequest = (request) => (request.method === "INVITE" ? host.answer(request, 503, "Service Unavailable", { tag: "f" }) : null);
  await invite(alice, FRIEND);
  await alice.response("INVITE", 500);
});

test("a phone's connection ends while it rings: the others ring on, and with none left the caller hears 480", async () => {
  const { alice } = await hosts();
  const [desk, mobile] = [await registered(stage, "102", "tcp"), await registered(stage, "102", "tcp")];
  await invite(alice, "sip:102@tel.example.test");
  for (const phone of [desk, mobile]) phone.send(phone.answer(await phone.request("INVITE"), 180, "Ringing", { tag: "t" }));
  await alice.response("INVITE", 180);
  await alice.response("INVITE", 180);
  await desk.close();
  await mobile.close();
  await alice.response("INVITE", 480);
});
