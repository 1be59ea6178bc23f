import { BodyFields } from "./body-fields.ts";
import { ACTIVITIES_MAX, NOTE_LENGTH_MAX } from "./publication.ts";
import type { Statement } from "./statement.ts";

/** What `PUT /api/presence/AOR` asks for. */
export interface StateRequest {
  /** Null when it says nothing but do-not-disturb. */
  readonly statement: Statement | null;
  /** True for the person's own choice, which beats the calendar. */
  readonly isOverride: boolean;
  /** Which of several programs speaks; `api` when it does not say. */
  readonly name: string;
  readonly doNotDisturb: boolean | undefined;
}

/** A state lives at most a year; one without an end lives until it is taken back. */
const EXPIRES_SECONDS_MAX = 366 * 86_400;
const NAME_LENGTH_MAX = 64;
const KEYS = ["activities", "basic", "note", "expires_seconds", "override", "do_not_disturb", "name"];

/** Reads it; a text says what is wrong with it. `now` in ms since 1970. */
export function readStateRequest(body: unknown, now: number): StateRequest | string {
  const fields = new BodyFields(body, KEYS);
  const activities = fields.activities("activities", ACTIVITIES_MAX);
  const basic = fields.word("basic", ["open", "closed"]);
  const note = fields.text("note", NOTE_LENGTH_MAX);
  const expires = fields.whole("expires_seconds", 1, EXPIRES_SECONDS_MAX);
  const name = fields.text("name", NAME_LENGTH_MAX);
  const isOverride = fields.flag("override");
  const doNotDisturb = fields.flag("do_not_disturb");
  if (fields.mistakes.length > 0) return fields.mistakes.join("; ");
  const says = activities !== undefined || basic !== undefined || note !== undefined || isOverride === true;
  if (!says && doNotDisturb === undefined) return 'this says nothing; write "activities", "basic", "note" or "do_not_disturb"';
  if (!says && (expires !== undefined || name !== undefined)) return '"expires_seconds" and "name" belong to a state; write "activities", "basic" or "note" too';
  if (isOverride === true && name !== undefined) return '"name" tells programs apart; an override is the person\'s own and has none';
  return {
    statement: says
      ? {
          activities: activities ?? [],
          ...(basic === undefined ? {} : { basic }),
          ...(note === undefined || note === "" ? {} : { note }),
          ...(expires === undefined ? {} : { until: now + expires * 1000 }),
        }
      : null,
    isOverride: isOverride === true,
    name: name ?? "api",
    doNotDisturb,
  };
}
