import { expect } from "vitest";
import { Message } from "../../src/sip/message.ts";
import type { Phone, PhoneDialog } from "./phone.ts";
import type { Stage } from "./stage.ts";
import type { Line } from "./phone.ts";

/** A phone that is registered; with `contact`, under that Contact URI instead of its own; `behind` a NAT it believes to be at that address and port. */
export async function registered(stage: Stage, user: string, protocol: "udp" | "tcp" = "udp", more: Partial<Line> & { contact?: string; behind?: string; headers?: string } = {}): Promise<Phone> {
  const { contact, behind, headers = "", ...line } = more;
  const phone = await stage.phone(user, protocol, line);
  const plain = phone.text("REGISTER", `sip:${phone.line.domain}`, { to: phone.aor, headers: `Expires: 600\r\n${headers}` });
  const text = behind === undefined ? plain : plain.replaceAll(phone.address, behind);
  expect((await phone.ask(contact === undefined ? text : text.replace(phone.contact, `<${contact}>`))).final.status).toBe(200);
  return phone;
}

/** Sends an INVITE with the caller's credentials, and gives it as it was taken. `change`: what to alter in its text. */
export async function invite(caller: Phone, to: string, change: (text: string) => string = (text) => text): Promise<Message> {
  const text = change(caller.text("INVITE", to, {}));
  const first = Message.of(text);
  caller.send(text);
  const challenge = await caller.response("INVITE", 407, first.callId);
  caller.send(caller.ackOf(first, challenge));
  const again = caller.withCredentials(text, challenge);
  caller.send(again);
  return Message.of(again);
}

/** Two phones in a call: each one's view of it, and the INVITE as the callee got it. */
export interface Talk {
  readonly mine: PhoneDialog;
  readonly his: PhoneDialog;
  readonly got: Message;
  readonly sent: Message;
}

/** A call that is answered and acknowledged. `contactOf` a phone: its Contact URI in this call, when it is not its own. */
export async function talk(caller: Phone, callee: Phone, to: string, contacts: { caller?: string; callee?: string } = {}): Promise<Talk> {
  const sent = await invite(caller, to, (text) => (contacts.caller === undefined ? text : text.replace(caller.contact, `<${contacts.caller}>`)));
  const got = await callee.request("INVITE");
  const answer = callee.answer(got, 200, "OK", { tag: "callee" });
  callee.send(contacts.callee === undefined ? answer : answer.replace(callee.contact, `<${contacts.callee}>`));
  const mine = caller.callerDialog(sent, await caller.response("INVITE", 200, sent.callId));
  caller.send(caller.within(mine, "ACK"));
  await callee.request("ACK");
  return { mine, his: callee.calleeDialog(got, "callee"), got, sent };
}

/** One request within the dialog goes through and its answer comes back; the request as it arrived. */
export async function passes(from: Phone, to: Phone, dialog: PhoneDialog, method: string, headers = ""): Promise<Message> {
  from.send(from.within(dialog, method, { headers }));
  const got = await to.request(method, (request) => request.callId === dialog.callId);
  to.send(to.answer(got, 200, "OK"));
  await from.response(method, 200, dialog.callId);
  return got;
}
