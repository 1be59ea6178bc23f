import { expect } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import type { Message } from "../../src/sip/message.ts";
import { parseNameAddr, tagOf } from "../../src/sip/name-addr.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, type Stage } from "./stage.ts";

/** A registered phone that answers every NOTIFY with 200. */
export async function watcher(stage: Stage, user: string, protocol: "udp" | "tcp" = "udp", userAgent?: string): Promise<Phone> {
  const phone = await stage.phone(user, protocol, userAgent === undefined ? {} : { userAgent });
  expect((await phone.register()).status).toBe(200);
  phone.onRequest = (request) => (request.method === "NOTIFY" ? phone.answer(request, 200, "OK", { contact: false }) : null);
  return phone;
}

/** A subscription from the watcher's side. */
export interface Watch {
  readonly final: Message;
  /** The NOTIFY that followed at once. */
  readonly notify: Message;
  /** The next NOTIFY of this subscription. */
  next(): Promise<Message>;
  /** Another SUBSCRIBE within its dialog; the final answer. */
  again(headers: string, body?: string): Promise<Message>;
}

/** Subscribes; `headers` are whole lines. Fails when it is refused. */
export async function watch(phone: Phone, user: string, event: string, headers = "Expires: 600\r\n", body = ""): Promise<Watch> {
  const { final, sent } = await phone.ask(phone.text("SUBSCRIBE", `sip:${user}@${DOMAIN}`, { headers: `Event: ${event}\r\n${headers}`, body }));
  expect(final.status, final.text).toBe(200);
  let cseq = sent.cseq;
  // On a slow machine a NOTIFY may come again before its answer has arrived.
  const told = new Set<string>();
  const next = async (): Promise<Message> => {
    const notify = await phone.request("NOTIFY", (request) => request.callId === final.callId && !told.has(request.topVia.branch));
    told.add(notify.topVia.branch);
    return notify;
  };
  return {
    final,
    notify: await next(),
    next,
    async again(more, text = "") {
      const target = parseNameAddr(final.header(Header.contact) ?? "").uri;
      cseq += 10;
      const request = phone.text("SUBSCRIBE", target, { to: "X", cseq, callId: final.callId, fromTag: tagOf(sent.header(Header.from)), headers: more.startsWith("Event:") ? more : `Event: ${event}\r\n${more}`, body: text });
      return (await phone.ask(request.replace("To: <X>", `To: ${final.header(Header.to) ?? ""}`))).final;
    },
  };
}

/** How many NOTIFYs a phone got; one that came again counts once. */
export function notifies(phone: Phone, callId?: string): number {
  const told = phone.received.filter((message) => message.isRequest && message.method === "NOTIFY" && (callId === undefined || message.callId === callId));
  return new Set(told.map((message) => message.topVia.branch)).size;
}
