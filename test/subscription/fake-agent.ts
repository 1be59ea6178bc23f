import type { Agent, AgentDialog, AgentOutcome, AgentRequest } from "../../src/agent/agent.ts";
import { ParseError } from "../../src/base/errors.ts";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { parseNameAddr, tagOf } from "../../src/sip/name-addr.ts";
import type { Flow } from "../../src/sip/transport/transport.ts";

/** One request that the agent was asked to send; the test answers it when and how it likes. */
export class Sent {
  readonly dialog: AgentDialog;
  readonly request: AgentRequest;
  isDone = false;
  readonly #done: (outcome: AgentOutcome) => void;

  constructor(dialog: AgentDialog, request: AgentRequest, done: (outcome: AgentOutcome) => void) {
    this.dialog = dialog;
    this.request = request;
    this.#done = done;
  }

  /** The value of Subscription-State. */
  get state(): string {
    return /Subscription-State: ([^\r]*)/.exec(this.request.headers)?.[1] ?? "";
  }

  get body(): string {
    return this.request.body ?? "";
  }

  answer(status: number, headers = ""): void {
    this.#end({ kind: "answered", status, response: Message.of(`SIP/2.0 ${String(status)} X\r\n${headers}\r\n`) });
  }

  timeout(): void {
    this.#end({ kind: "timeout" });
  }

  unreachable(): void {
    this.#end({ kind: "unreachable", why: "test" });
  }

  #end(outcome: AgentOutcome): void {
    if (this.isDone) throw new Error("a request ends once");
    this.isDone = true;
    this.#done(outcome);
  }
}

/** An agent that sends nothing and remembers everything. */
export class FakeAgent implements Agent {
  readonly sent: Sent[] = [];
  /** Called at each send, before it returns. */
  onSend: (sent: Sent) => void = () => undefined;

  /** The last request. Throws when there is none. */
  get last(): Sent {
    const last = this.sent.at(-1);
    if (last === undefined) throw new Error("nothing was sent");
    return last;
  }

  /** What is not answered yet. */
  get open(): readonly Sent[] {
    return this.sent.filter((sent) => !sent.isDone);
  }

  dialogOf(request: Message, source: Flow, localTag: string): AgentDialog {
    const from = request.header(Header.from) ?? "";
    return {
      callId: request.callId,
      localTag,
      remoteTag: tagOf(from),
      local: request.header(Header.to) ?? "",
      remote: from.replace(/;tag=.*/, ""),
      target: targetOf(request),
      routes: request.values(Header.recordRoute),
      flow: source,
    };
  }

  refreshed(dialog: AgentDialog, request: Message, source: Flow): AgentDialog {
    return { ...dialog, flow: source, ...(request.has(Header.contact) ? { target: targetOf(request) } : {}) };
  }

  contact(source: Flow): string {
    return `<sip:${source.localAddress}:${String(source.localPort)}>`;
  }

  send(dialog: AgentDialog, request: AgentRequest, done: (outcome: AgentOutcome) => void): void {
    const sent = new Sent(dialog, request, done);
    this.sent.push(sent);
    this.onSend(sent);
  }
}

function targetOf(request: Message): string {
  const [value] = request.values(Header.contact);
  if (value === undefined || value === "*") throw new ParseError("no Contact");
  return parseNameAddr(value).uri;
}
