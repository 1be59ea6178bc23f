import { paramOf } from "../sip/uri.ts";

/** What an Event header names: `dialog;id=7`. */
export interface EventName {
  readonly name: string;
  /** Empty when there is none. */
  readonly id: string;
}

/** Longer event ids are refused: they stand in every NOTIFY. */
export const EVENT_ID_LENGTH_MAX = 128;

/** Reads an Event header; null when there is none or it names no package. Both parts count with case (RFC 6665 §8.2.1). */
export function parseEvent(value: string | undefined): EventName | null {
  if (value === undefined) return null;
  const semicolon = value.indexOf(";");
  const name = (semicolon === -1 ? value : value.slice(0, semicolon)).trim();
  if (!TOKEN.test(name)) return null;
  const id = semicolon === -1 ? "" : paramOf(value.slice(semicolon), "id") ?? "";
  return id !== "" && (id.length > EVENT_ID_LENGTH_MAX || !TOKEN.test(id)) ? null : { name, id };
}

/** The value of our own Event header. */
export function formatEvent(name: string, id: string): string {
  return id === "" ? name : `${name};id=${id}`;
}

const TOKEN = /^[A-Za-z0-9\-.!%*_+`'~]+$/;
