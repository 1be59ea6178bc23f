import type { Agent } from "../agent/agent.ts";
import type { Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { PhoneProfile } from "../phones/profile.ts";
import type { Call } from "../proxy/feature.ts";
import type { Flow } from "../sip/transport/transport.ts";
import type { Store } from "../store/store.ts";
import type { EventPackage } from "./event-package.ts";
import type { LifetimeLimits } from "./lifetime.ts";
import type { ListDirectory } from "./lists.ts";
import type { NotifyWitness } from "./notify-witness.ts";
import type { SubscribeLimits } from "./subscribe-rate.ts";
import type { EndReason, Subscription } from "./subscription.ts";

/** How subscriptions and publications are bounded. */
export interface SubscriptionSettings {
  readonly subscribe: LifetimeLimits;
  readonly publish: LifetimeLimits;
  /** Subscriptions to one AoR, of all packages; more get 480 with Retry-After. */
  readonly watchersPerAorMax: number;
  /** What single sources may send; default: no limit but that of each watcher. */
  readonly limits?: SubscribeLimits;
  /** A list's watcher is told at most once in this time, ms; default 0: at once. */
  readonly listIntervalMs?: number;
  /** Publications of one AoR, of all packages; more get 480 with Retry-After. */
  readonly publicationsPerAorMax: number;
  /** Bytes of one publication; more get 413. */
  readonly publishBodyMax: number;
}

/** What the subscription engine needs. */
export interface SubscriptionDeps {
  readonly packages: readonly EventPackage[];
  readonly agent: Agent;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly log: Log;
  readonly settings: SubscriptionSettings;
  /** What the phone of that User-Agent needs. */
  readonly profileOf: (userAgent: string) => PhoneProfile;
  readonly mayPublish: (call: Call) => boolean;
  /** Where lists are found; default: there are none. */
  readonly lists?: ListDirectory;
  /** An open connection to the device with that Contact URI and User-Agent, of that person; null when it has none. */
  readonly streamOf?: (watcher: Aor, contact: string, userAgent: string) => Flow | null;
  /** Hears who begins to watch whom (`reason` null), is seen another way (null), or ends. */
  readonly audience?: { note(subscription: Subscription, reason: EndReason | null): void };
  /** Who keeps what was sent when; default: nobody. */
  readonly witness?: NotifyWitness;
}
