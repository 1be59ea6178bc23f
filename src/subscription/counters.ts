/** What the subscription engine has done since its start, for metrics. */
export interface SubscriptionCounters {
  /** New subscriptions, fetches, refreshes, unsubscriptions. */
  created: number;
  fetched: number;
  refreshed: number;
  unsubscribed: number;
  /** Subscriptions that the same device subscribed anew in place of. */
  replaced: number;
  /** SUBSCRIBEs and PUBLISHes that were refused. */
  refused: number;
  /** Of them those that ran into a limit of a source. */
  readonly limited: { address: number; user_agent: number; event: number };
  /** Subscriptions that ended because their time was over, or because the watcher knew them no more. */
  expired: number;
  gone: number;
  notifiesSent: number;
  notifiesAcknowledged: number;
  /** Answered with an error, or not at all. */
  notifiesFailed: number;
  /** Changes that needed no NOTIFY, because the body stayed the same. */
  unchanged: number;
  /** Changes that wait for the answer to a NOTIFY or for the next try of a suspect subscription. */
  coalesced: number;
  published: number;
  publicationsRefreshed: number;
  publicationsEnded: number;
}

/** Counters at zero. */
export function subscriptionCounters(): SubscriptionCounters {
  return {
    created: 0,
    fetched: 0,
    refreshed: 0,
    unsubscribed: 0,
    replaced: 0,
    refused: 0,
    limited: { address: 0, user_agent: 0, event: 0 },
    expired: 0,
    gone: 0,
    notifiesSent: 0,
    notifiesAcknowledged: 0,
    notifiesFailed: 0,
    unchanged: 0,
    coalesced: 0,
    published: 0,
    publicationsRefreshed: 0,
    publicationsEnded: 0,
  };
}
