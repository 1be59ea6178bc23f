import { expect, onTestFinished, test } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { parseNameAddr, tagOf } from "../../src/sip/name-addr.ts";
import { realServer } from "../impair/real-server.ts";
import { Phone } from "./phone.ts";
import { DOMAIN } from "./stage.ts";

const PHONES = 500;
const LAMPS = 4;
/** All are served within this, on a machine that other tests share. */
const BOUND_MS = 60_000;

/** A lamp: its dialog, and the NOTIFYs of it, each once however often it came. */
interface Lamp {
  readonly to: string;
  readonly from: string;
  readonly uri: string;
  readonly callId: string;
  cseq: number;
  readonly notifies: Map<number, Message>;
}

/** A phone that sends again what nobody answers, as all do over UDP. */
class Desk {
  readonly lamps = new Map<string, Lamp>();
  readonly strays: string[] = [];
  readonly phone: Phone;
  #registerCseq = 1;

  constructor(phone: Phone) {
    this.phone = phone;
    phone.onRequest = (request) => {
      if (request.method !== "NOTIFY") return null;
      const lamp = this.lamps.get(request.callId);
      if (lamp === undefined) this.strays.push(request.callId);
      lamp?.notifies.set(request.cseq, request);
      return phone.answer(request, 200, "OK", { contact: false });
    };
  }

  /** The final answer that is no challenge. */
  async ask(text: string): Promise<{ readonly final: Message; readonly sent: Message }> {
    let now = text;
    for (let round = 0; ; round++) {
      const sent = Message.of(now);
      const final = await this.#answered(now, sent);
      if ((final.status !== 401 && final.status !== 407) || round === 2) return { final, sent };
      now = this.phone.withCredentials(now.replace(/(?:Proxy-)?Authorization: [^\r]*\r\n/, ""), final);
    }
  }

  async register(): Promise<number> {
    this.#registerCseq += 10;
    const text = this.phone.text("REGISTER", `sip:${DOMAIN}`, { to: this.phone.aor, headers: "Expires: 3600\r\n", cseq: this.#registerCseq, callId: `${this.phone.line.user}@registers` });
    return (await this.ask(text)).final.status;
  }

  async watch(user: string): Promise<number> {
    const callId = `${this.phone.line.user}-${user}-${String(this.lamps.size)}@lamps`;
    const lamp = { callId, cseq: 1, notifies: new Map<number, Message>() };
    // The NOTIFY may overtake the answer.
    this.lamps.set(callId, { ...lamp, to: "", from: "", uri: "" });
    const { final, sent } = await this.ask(this.phone.text("SUBSCRIBE", `sip:${user}@${DOMAIN}`, { callId, headers: "Event: dialog\r\nExpires: 3600\r\n" }));
    const { notifies } = this.lamps.get(callId) ?? lamp;
    this.lamps.set(callId, { callId, cseq: sent.cseq, notifies, to: final.header(Header.to) ?? "", from: tagOf(sent.header(Header.from)), uri: parseNameAddr(final.header(Header.contact) ?? "").uri });
    return final.status;
  }

  async renew(lamp: Lamp): Promise<number> {
    lamp.cseq += 10;
    const text = this.phone.text("SUBSCRIBE", lamp.uri, { to: "X", callId: lamp.callId, fromTag: lamp.from, cseq: lamp.cseq, headers: "Event: dialog\r\nExpires: 3600\r\n" });
    return (await this.ask(text.replace("To: <X>", `To: ${lamp.to}`))).final.status;
  }

  async #answered(text: string, { method, callId, cseq }: Message): Promise<Message> {
    for (let tries = 0; ; tries++) {
      this.phone.send(text);
      try {
        return await this.phone.wait(`an answer to ${method}`, (message) => !message.isRequest && message.status >= 200 && message.callId === callId && message.cseq === cseq);
      } catch (err) {
        if (tries === 10) throw err;
      }
    }
  }
}

test(`the morning after a power cut: ${String(PHONES)} phones register with digest and renew ${String(PHONES * LAMPS)} subscriptions at once: all are served, none twice`, { timeout: 240_000 }, async () => {
  const users = Array.from({ length: PHONES }, (_, index) => String(1000 + index));
  const server = await realServer(DOMAIN, users, "");
  const desks: Desk[] = [];
  for (const user of users) {
    const phone = await Phone.open({ user, domain: DOMAIN, password: `secret-${user}`, protocol: "udp", server: { address: "127.0.0.1", port: server.port } });
    onTestFinished(() => phone.close());
    desks.push(new Desk(phone));
  }
  const each = async (work: (desk: Desk, index: number) => Promise<void>): Promise<void> => {
    await Promise.all(desks.map(work));
  };
  await each(async (desk, index) => {
    expect(await desk.register()).toBe(200);
    for (let lamp = 1; lamp <= LAMPS; lamp++) expect(await desk.watch(users[(index + lamp) % PHONES] ?? "")).toBe(200);
  });
  await server.kill();
  for (const { lamps } of desks) for (const lamp of lamps.values()) lamp.notifies.clear();
  await server.start();
  const began = performance.now();
  const refused: string[] = [];
  await each(async (desk) => {
    const statuses = [await desk.register(), ...(await Promise.all([...desk.lamps.values()].map((lamp) => desk.renew(lamp))))];
    for (const status of statuses) if (status !== 200) refused.push(`${desk.phone.line.user}: ${String(status)}`);
  });
  expect(refused).toEqual([]);
  const lamps = desks.flatMap((desk) => [...desk.lamps.values()].map((lamp) => ({ ...lamp, phone: desk.phone })));
  for (const { phone, callId, notifies } of lamps) if (notifies.size === 0) await phone.request("NOTIFY", (message) => message.callId === callId);
  const took = performance.now() - began;
  const count = async (name: string): Promise<number> => Number(new RegExp(`^lamplight_${name} (\\d+)$`, "m").exec(await server.get("/metrics"))?.[1] ?? -1);
  expect([await count("registrations"), await count("subscriptions")]).toEqual([PHONES, PHONES * LAMPS]);
  expect(desks.flatMap(({ strays }) => strays)).toEqual([]);
  // The answer to a renewal is a NOTIFY (RFC 6665 §4.2.1.2); before it the start may have told the lamp once by itself. Whatever comes again is the same one.
  expect(Math.max(...lamps.map(({ notifies }) => notifies.size))).toBeLessThanOrEqual(2);
  expect(took, `${String(Math.round(took))} ms`).toBeLessThan(BOUND_MS);
});
