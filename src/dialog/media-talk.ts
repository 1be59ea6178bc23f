import { isHolding, type MediaDirection } from "../sip/sdp.ts";
import { otherSide, type Side } from "./side.ts";

/** An INVITE or UPDATE that describes media, or (an INVITE without a description) asks the other side to. */
interface Proposal {
  readonly cseq: number;
  /** Who offers: the one who asks, or the one who answers, whose answer then comes with the ACK. */
  readonly by: Side;
  /** What is offered; null while an INVITE without a description waits for the other side's. */
  direction: MediaDirection | null;
}

/** Offers and answers of one dialog (RFC 3264): who holds whom counts once it is agreed (§8.4). An answer belongs to the request whose CSeq it bears: what
 *  is late, repeated, overtaken, or answers something that we have not seen, changes nothing. */
export class MediaTalk {
  isHeldByCaller = false;
  isHeldByCallee = false;
  #byCaller: Proposal | null = null;
  #byCallee: Proposal | null = null;

  /** True when an ACK may bring an answer. */
  get awaitsAck(): boolean {
    return this.#byCaller?.by === "callee" || this.#byCallee?.by === "caller";
  }

  /** `side` sends an INVITE or UPDATE; `direction` is null when it describes nothing. */
  asked(side: Side, method: string, cseq: number, direction: MediaDirection | null): void {
    if (direction !== null) this.#set(side, { cseq, by: side, direction });
    else if (method === "INVITE") this.#set(side, { cseq, by: otherSide(side), direction: null });
  }

  /** `side` agrees to such a request. True when that changed who holds. */
  answered(side: Side, cseq: number, direction: MediaDirection | null): boolean {
    const asker = otherSide(side);
    const proposal = this.#of(asker);
    if (proposal?.cseq !== cseq) return false;
    if (proposal.by === side) {
      proposal.direction = direction;
      if (direction === null) this.#set(asker, null);
      return false;
    }
    this.#set(asker, null);
    return direction !== null && this.#agree(proposal, direction);
  }

  /** `side` acknowledges what its INVITE without a description got. True when that changed who holds. */
  acknowledged(side: Side, cseq: number, direction: MediaDirection | null): boolean {
    const proposal = this.#of(side);
    if (proposal?.cseq !== cseq || proposal.by === side) return false;
    this.#set(side, null);
    return direction !== null && this.#agree(proposal, direction);
  }

  /** `side` refuses such a request, or does not answer it: all stays as it was. Without `cseq`: whatever it was asked. */
  refused(side: Side, cseq?: number): void {
    const asker = otherSide(side);
    if (cseq === undefined || this.#of(asker)?.cseq === cseq) this.#set(asker, null);
  }

  #agree({ by, direction }: Proposal, answer: MediaDirection): boolean {
    if (direction === null) return false;
    const { isHeldByCaller, isHeldByCallee } = this;
    this.#hold(by, isHolding(direction));
    // An answer to an offer that holds cannot say anything of its own (RFC 3264 §6.1): only one to an open offer tells whether its side holds.
    if (direction === "sendrecv") this.#hold(otherSide(by), isHolding(answer));
    return isHeldByCaller !== this.isHeldByCaller || isHeldByCallee !== this.isHeldByCallee;
  }

  #hold(side: Side, isHeld: boolean): void {
    if (side === "caller") this.isHeldByCaller = isHeld;
    else this.isHeldByCallee = isHeld;
  }

  #of(asker: Side): Proposal | null {
    return asker === "caller" ? this.#byCaller : this.#byCallee;
  }

  #set(asker: Side, proposal: Proposal | null): void {
    if (asker === "caller") this.#byCaller = proposal;
    else this.#byCallee = proposal;
  }
}
