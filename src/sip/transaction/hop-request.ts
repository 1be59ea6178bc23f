import { Header } from "../header-name.ts";
import { elementEnd } from "../list-element.ts";
import type { Message } from "../message.ts";

/** The ACK of a failure, or the CANCEL, of an INVITE that we sent: same request URI, topmost Via, Route, From, Call-ID and CSeq number
 *  (RFC 3261 §17.1.1.3, §9.1). `to` is the To value: the response's for ACK, the request's for CANCEL. `headers` are whole lines. */
export function hopRequest(invite: Message, method: "ACK" | "CANCEL", to: string, headers = ""): string {
  const via = invite.lineOf(Header.via);
  const start = invite.valueStart(via);
  let text = `${method} ${invite.requestUri} SIP/2.0\r\nVia: ${invite.text.slice(start, elementEnd(invite.text, start, invite.valueEnd(via)))}\r\n`;
  for (let line = invite.lineOf(Header.route); line !== -1; line = invite.lineOf(Header.route, line)) {
    text += `Route: ${invite.text.slice(invite.valueStart(line), invite.valueEnd(line))}\r\n`;
  }
  text += `Max-Forwards: 70\r\nFrom: ${invite.header(Header.from) ?? ""}\r\nTo: ${to}\r\n`;
  return `${text}Call-ID: ${invite.callId}\r\nCSeq: ${invite.cseq} ${method}\r\n${headers}Content-Length: 0\r\n\r\n`;
}
