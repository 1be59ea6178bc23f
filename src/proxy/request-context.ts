import type { Aor } from "../base/ids.ts";
import type { Message } from "../sip/message.ts";
import type { Answer } from "../sip/response.ts";
import type { TransactionLayer } from "../sip/transaction/layer.ts";
import type { TransactionId } from "../sip/transaction/table.ts";
import type { Flow } from "../sip/transport/transport.ts";
import type { SipUri } from "../sip/uri.ts";
import type { Call } from "./feature.ts";
import type { Fork } from "./fork.ts";

/** One request on its way through the pipeline: what features see as a `Call`, and what the pipeline keeps beside it. */
export class RequestContext implements Call {
  message: Message;
  readonly source: Flow;
  uri: SipUri;
  aor: Aor | null;
  isOurs: boolean;
  caller: Aor | null = null;
  callerDevice = "";
  isTrusted = false;
  retargets = 0;
  readonly localTag: string;
  readonly transaction: TransactionId;
  readonly routesOff: number;
  readonly nextRoute: string | null;
  readonly rewritten: Message | null;
  /** Made when the request is forwarded, or when a feature makes it wait: so that a CANCEL finds it. */
  fork: Fork | null = null;
  readonly #layer: TransactionLayer;

  constructor(layer: TransactionLayer, parts: Pick<RequestContext, "message" | "source" | "uri" | "aor" | "isOurs" | "transaction" | "routesOff" | "nextRoute" | "rewritten">) {
    this.#layer = layer;
    this.message = parts.message;
    this.source = parts.source;
    this.uri = parts.uri;
    this.aor = parts.aor;
    this.isOurs = parts.isOurs;
    this.transaction = parts.transaction;
    this.routesOff = parts.routesOff;
    this.nextRoute = parts.nextRoute;
    this.rewritten = parts.rewritten;
    this.localTag = layer.token();
  }

  /** Makes the message one that outlives the hook. */
  keep(): void {
    this.message = this.message.copy();
  }

  reply(answer: Answer): void {
    this.#layer.reply(this.transaction, this.message, answer, this.localTag);
  }
}
