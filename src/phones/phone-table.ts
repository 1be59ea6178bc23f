import type { PhoneRule } from "../config/config.ts";
import { BUILT_IN, STANDARD, type BuiltInProfile } from "./built-in.ts";
import type { PhoneProfile } from "./profile.ts";

/** A profile and where it comes from. */
export interface Match {
  readonly profile: PhoneProfile;
  /** The operator's rule that matched, from 1; 0 when none did. */
  readonly rule: number;
  readonly builtIn: BuiltInProfile;
}

/** Which phone needs what. */
export interface PhoneTable {
  /** The profile of a User-Agent: the same object for all phones that need the same. Cheap: what was asked for before is remembered. */
  readonly profileOf: (userAgent: string) => PhoneProfile;
  /** The same, with its origin. */
  readonly matchOf: (userAgent: string) => Match;
  /** Whether the operator said that phones of that User-Agent publish in the old `im:` vocabulary. */
  readonly isImPublisher: (userAgent: string) => boolean;
}

/** User-Agent texts that are remembered; an office has dozens, a scanner makes up thousands. */
const REMEMBERED_MAX = 2000;
/** Characters of a User-Agent that are looked at: a bound for the operator's expressions. */
const LOOKED_AT_MAX = 128;

/** The built-in list with the operator's rules before it: the first rule that matches changes what the built-in profile says. */
export function phoneTable(rules: readonly PhoneRule[] = []): PhoneTable {
  const compiled = rules.map((rule) => ({ rule, match: new RegExp(rule.match, "i") }));
  const remembered = new Map<string, Match>();
  /** One object for each pair of a built-in profile and a rule, so that equal phones share renderings. */
  const made = new Map<string, Match>();

  const find = (userAgent: string): Match => {
    const builtIn = BUILT_IN.find(({ match }) => match === null || match.test(userAgent)) ?? LAST;
    const at = compiled.findIndex(({ match }) => match.test(userAgent));
    const rule = compiled[at]?.rule;
    const base = rule?.profile === undefined || rule.profile === null ? builtIn : (BUILT_IN.find(({ profile }) => profile.name === rule.profile) ?? builtIn);
    const key = `${base.profile.name} ${at}`;
    let match = made.get(key);
    if (match === undefined) {
      match = rule === undefined ? { profile: base.profile, rule: 0, builtIn: base } : { profile: changed(base.profile, rule, at + 1), rule: at + 1, builtIn: base };
      made.set(key, match);
    }
    return match;
  };

  const matchOf = (userAgent: string): Match => {
    const known = remembered.get(userAgent);
    if (known !== undefined) return known;
    const match = find(userAgent.slice(0, LOOKED_AT_MAX));
    if (remembered.size < REMEMBERED_MAX && userAgent.length <= LOOKED_AT_MAX) remembered.set(userAgent, match);
    return match;
  };
  return {
    matchOf,
    profileOf: (userAgent) => matchOf(userAgent).profile,
    isImPublisher: (userAgent) => rules[matchOf(userAgent).rule - 1]?.publish === "im",
  };
}

const LAST: BuiltInProfile = { match: null, why: "", profile: STANDARD };

function changed(base: PhoneProfile, rule: PhoneRule, number: number): PhoneProfile {
  return {
    name: `${base.name} + rule ${number}`,
    presence: rule.presence ?? base.presence,
    dialogs: rule.dialogs ?? base.dialogs,
    dialog: { idle: rule.idle ?? base.dialog.idle, caller: rule.caller ?? base.dialog.caller, remote: rule.remote ?? base.dialog.remote, hold: rule.hold ?? base.dialog.hold },
    publish: rule.publish ?? base.publish,
    pickup: rule.pickup ?? base.pickup,
    alertInfo: rule.alertInfo ?? base.alertInfo,
    digest: rule.digest ?? base.digest,
    accept: rule.accept ?? base.accept,
    lists: rule.lists ?? base.lists,
    gone: rule.gone ?? base.gone,
    overload: rule.overload ?? base.overload,
  };
}
