import type { AlertInfoForm } from "../config/config.ts";

/** Why a phone rings, as ringtones tell it apart. */
export const RING_KINDS = ["internal", "external", "group", "priority", "callback"] as const;

/** One of them: `internal`. */
export type RingKind = (typeof RING_KINDS)[number];

/** The values of Alert-Info for a call of that kind; several go into one header each. Bellcore's cadences: 1 internal, 2 external, 3 group, 4 priority, 5 callback.
 *  `urn` is what RFC 7462 §4 has for phones that nobody knows better. */
export function alertInfo(form: AlertInfoForm, kind: RingKind): readonly string[] {
  const cadence = RING_KINDS.indexOf(kind) + 1;
  switch (form) {
    case "urn":
      return [`<${URNS[kind]}>`];
    case "bellcore":
      return [`<http://127.0.0.1>;info=Bellcore-dr${cadence}`];
    case "yealink":
      return [`<http://127.0.0.1/Bellcore-dr${cadence}>`];
    case "snom":
      return [`<http://127.0.0.1>;info=alert-${SNOM[kind]}`];
    case "polycom":
      // Matched as free text by `voIpProt.SIP.alertInfo.x.value`.
      return [kind];
  }
}

const URNS: Readonly<Record<RingKind, string>> = {
  internal: "urn:alert:source:internal",
  external: "urn:alert:source:external",
  group: "urn:alert:source:internal",
  priority: "urn:alert:priority:high",
  callback: "urn:alert:service:auto-callback",
};

const SNOM: Readonly<Record<RingKind, string>> = { internal: "internal", external: "external", group: "group", priority: "community-1", callback: "community-2" };
