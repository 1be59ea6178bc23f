import type { Aor } from "../base/ids.ts";
import type { Message } from "../sip/message.ts";
import type { Answer } from "../sip/response.ts";
import type { TransactionLayer } from "../sip/transaction/layer.ts";
import type { TransactionId } from "../sip/transaction/user.ts";
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
  isTrusted = false;
  retargets = 0;
  readonly transaction: TransactionId;
  readonly routesOff: number;
  readonly nextRoute: string | null;
  readonly rewritten: Message | null;
  /** True once a 100 was sent, or need not be. */
  wasTried: boolean;
  /** True once the observer of calls has seen it as a request within a dialog. */
  wasWatched = false;
  /** Made when the request is forwarded, or when a feature makes it wait: so that a CANCEL finds it. */
  fork: Fork | null = null;
  readonly #layer: TransactionLayer;
  #isKept = false;
  #localTag = "";

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
    this.wasTried = parts.message.method !== "INVITE";
  }

  /** The tag that our answers have. */
  get localTag(): string {
    if (this.#localTag === "") this.#localTag = this.#layer.token();
    return this.#localTag;
  }

  /** True when it belongs to a dialog: To has a tag. */
  get isWithinDialog(): boolean {
    return this.message.hasToTag;
  }

  /** Makes the message one that outlives the hook. */
  keep(): void {
    if (!this.#isKept) this.message = this.message.copy();
    this.#isKept = true;
  }

  /** Makes the message readable again after the handler has returned: while the request has no final answer. */
  restore(): void {
    const message = this.#isKept ? null : this.#layer.request(this.transaction);
    if (message === null) return;
    this.message = message;
    this.#isKept = true;
  }

  /** Says at once that we work on an INVITE, so that its sender stops repeating it (RFC 3261 §17.2.1). */
  trying(): void {
    if (this.wasTried) return;
    this.wasTried = true;
    this.reply({ status: 100 });
  }

  reply(answer: Answer): void {
    const { status } = answer;
    const isOnce = answer.isRepeatable === true || status === 401 || status === 407;
    if (isOnce && this.message.method !== "INVITE" && this.fork === null) {
      this.#layer.replyOnce(this.transaction, this.message, answer, this.localTag);
      return;
    }
    this.#layer.reply(this.transaction, this.message, answer, status === 100 ? "" : this.localTag);
  }
}
