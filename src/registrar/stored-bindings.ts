import { hasFields } from "../base/has-fields.ts";
import type { Binding, Origin } from "./binding.ts";

/** What the store keeps of an AoR: its bindings as they are, without connections. */
export interface StoredBindings {
  readonly format: 1;
  readonly bindings: readonly Binding[];
}

/** The value that is stored for those bindings. */
export function storedBindings(bindings: readonly Binding[]): StoredBindings {
  return { format: 1, bindings };
}

/** What the store keeps of an AoR's only binding when a plain refresh has changed it since it was stored: a tenth of the record. */
export type StoredRefresh = readonly [cseq: number, expiresAt: number];

/** Reads a stored refresh back; null when it is of another form. */
export function readStoredRefresh(value: unknown): StoredRefresh | null {
  const [cseq, expiresAt] = listOf(value);
  return isNumber(cseq) && isNumber(expiresAt) ? [cseq, expiresAt] : null;
}

/** Reads a stored value back; bindings that cannot be read are left out, null when the whole value is of another form. */
export function readStoredBindings(value: unknown): readonly Binding[] | null {
  const record = fieldsOf(value);
  if (record === null || record.format !== 1 || !Array.isArray(record.bindings)) return null;
  return record.bindings.flatMap((one: unknown) => readBinding(one) ?? []);
}

function readBinding(value: unknown): Binding | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  const { uri, q, expiresAt, callId, cseq, instance, regId, path, device, userAgent } = fields;
  const origin = readOrigin(fields.origin);
  if (typeof uri !== "string" || typeof callId !== "string" || typeof instance !== "string" || typeof device !== "string" || typeof userAgent !== "string") return null;
  if (!isNumber(q) || !isNumber(expiresAt) || !isNumber(cseq) || !isNumber(regId) || origin === null || !isTexts(path)) return null;
  return { uri, q, expiresAt, callId, cseq, instance, regId, path, device, userAgent, origin };
}

function readOrigin(value: unknown): Origin | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  const { protocol, address, port, network, reach } = fields;
  if (protocol !== "udp" && protocol !== "tcp" && protocol !== "tls" && protocol !== "ws" && protocol !== "wss" && protocol !== "none") return null;
  if (reach !== "uri" && reach !== "flow" && reach !== "flow-only") return null;
  if (typeof address !== "string" || !isNumber(port) || typeof network !== "string") return null;
  return { protocol, address, port, network, reach };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return hasFields(value) ? value : null;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
