import type { Aor } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Message } from "../sip/message.ts";
import type { TargetHealth } from "../sip/resolver/target-health.ts";
import type { TransactionLayer } from "../sip/transaction/layer.ts";
import type { TransactionId, TransactionUser } from "../sip/transaction/user.ts";
import type { Flow, Transports } from "../sip/transport/transport.ts";
import type { CallObserver } from "./call-observer.ts";
import type { NextHops } from "./next-hop.ts";
import type { RecordRoutes } from "./record-route.ts";

/** What every fork of a server shares. */
export interface ForkDeps {
  readonly layer: TransactionLayer;
  readonly transports: Transports;
  readonly wheel: TimerWheel;
  readonly hops: NextHops;
  readonly health: TargetHealth;
  readonly recordRoutes: RecordRoutes;
  readonly observer: CallObserver;
  readonly log: Log;
  /** Our digest realm: credentials for it go no further than us (RFC 3261 §22.3). */
  readonly realm: string;
  /** Timer C, RFC 3261 §16.6 step 11: more than three minutes. */
  readonly timerCMs: number;
  /** The wheel's kind whose payload is a client transaction of a fork. */
  readonly timerKind: number;
  /** Forwards the further 2xx of a call whose fork is over (RFC 6026 §7.2). */
  readonly late: TransactionUser;
}

/** The request that is forked. */
export interface ForkRequest {
  /** Its server transaction. */
  readonly transaction: TransactionId;
  readonly method: string;
  readonly source: Flow;
  /** How many of its topmost Route values were ours. */
  readonly routesOff: number;
  /** The hash of RFC 3261 §16.6 step 8. */
  readonly loop: string;
  /** True when it creates a dialog through us: Record-Route is added. */
  readonly isDialogForming: boolean;
  readonly caller: Aor | null;
  readonly callerDevice: string;
  /** True when a user of ours or a trusted peer sends it: not a stranger. */
  readonly isCallerKnown: boolean;
  readonly callee: Aor | null;
  /** Set when the request that is forwarded is not the text that came in (a strict router's rewriting). */
  readonly rewritten: Message | null;
  /** The tag of our own answers; asked for when there is one. */
  readonly toTag: () => string;
}
