import { hashOfParts } from "../base/fnv.ts";
import type { Aor } from "../base/ids.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import type { Rendered } from "./event-package.ts";
import type { Standing } from "./standing.ts";
import type { Subscription } from "./subscription.ts";

/** One subscription, as the API and `why` show it. Times are ms since 1970. */
export interface WatcherView {
  /** Names the subscription, and no secret of its dialog. */
  readonly id: string;
  readonly resource: Aor;
  /** The watcher's AoR, or the URI that a stranger gave. */
  readonly watcher: string;
  readonly event: string;
  readonly expiresAt: number;
  readonly userAgent: string;
  /** 0 when no NOTIFY was sent since the start. */
  readonly lastSentAt: number;
  /** What it held; null for none, or one without a body. */
  readonly lastSent: Rendered | null;
  /** When it was answered, or given up; 0 while it is not. */
  readonly answeredAt: number;
  /** The status of that answer; 0 for none in time. */
  readonly answerStatus: number;
  /** `suspect`: the last NOTIFY was not acknowledged, tries go on. */
  readonly state: "active" | "suspect";
  /** What the watcher may see. */
  readonly standing: Standing;
  /** Members, when it is one to a list; else 0. */
  readonly members: number;
}

/** How a subscription is shown. `member`: what it means for that person, of a list in which he stands. */
export function watcherView(subscription: Subscription, member: Aor | null = null): WatcherView {
  const { resource, entity, profile, accept, watcher, pack, expiresAt, userAgent, lastSentAt, lastSent, answeredAt, answerStatus, failures, dialog, standing, list } = subscription;
  return {
    id: `w${(hashOfParts([dialog.localTag]) >>> 0).toString(36)}`,
    resource: member ?? resource,
    watcher: watcher ?? parseNameAddr(dialog.remote).uri,
    event: pack.name,
    expiresAt,
    userAgent,
    lastSentAt,
    lastSent: member === null || list === null ? lastSent : list.toldOf(member),
    answeredAt,
    answerStatus,
    state: failures > 0 ? "suspect" : "active",
    standing: member === null || list === null ? standing : (pack.standingOf?.({ resource: member, entity, watcher, userAgent, profile, accept }) ?? "allow"),
    members: list?.of.members.length ?? 0,
  };
}
