import type { DigestAlgorithm, PhoneRule } from "./config.ts";
import { choice, list, map, mapped, optional, placed, required, scalar } from "./reader.ts";
import type { Key, Placed, Reader, Reading } from "./reader.ts";
import type { Report } from "./report.ts";
import { text } from "./text.ts";

/** Names of the built-in profiles: `phones/built-in.ts` has one of each. */
export const PROFILE_NAMES = ["standard", "snom", "snom-old", "yealink", "polycom", "grandstream", "cisco-spa", "cisco", "aastra", "bria", "digium", "linphone", "technicolor"] as const;

const patternMax = 200;

/** A regular expression in JavaScript's form; what is wrong with it is said at its place. */
const pattern: Reader<string> = {
  wants: 'a regular expression such as "^snom"',
  read(value, name, context) {
    const written = text(this.wants, 1, patternMax).read(value, name, context);
    if (written === undefined) return undefined;
    try {
      new RegExp(written, "i");
      return written;
    } catch (cause) {
      const why = cause instanceof Error ? (cause.message.split(": ").at(-1) ?? "").toLowerCase() : "it cannot be read";
      context.report.mistake(value.offset, `"${name}" is no regular expression (${why})`, `write ${this.wants}`);
      return undefined;
    }
  },
};

const status = scalar("a status from 400 to 699", (written) => (/^[4-6]\d\d$/.test(written) ? Number(written) : undefined));

/** A key that is as the built-in list has it unless it is written. */
function maybe<T>(doc: string, reader: Reader<T>, shown = "as the built-in list has it"): Key<T | undefined> {
  return optional<T | undefined>(doc, reader, undefined, shown);
}

const OVERLOAD = { "480": 480, "503": 503, "403": 403 } as const;

const phoneKeys = {
  match: required("Which phones: a regular expression on the User-Agent header, whatever its case. The first entry that matches counts.", pattern, "(?!)"),
  profile: maybe("The built-in profile to start from.", choice(PROFILE_NAMES), "the one that the User-Agent has"),
  presence: maybe("The document of `Event: presence`: `pidf` (with RPID), `im` (the same with the old `im:` status), `digium` or `xpidf`.", choice(["pidf", "im", "digium", "xpidf"])),
  dialogs: maybe("`one`: a lamp's document shows one call at most.", choice(["all", "one"])),
  idle: maybe("What a lamp without a call shows: a `dummy` dialog in state terminated, or an `empty` document.", choice(["dummy", "empty"])),
  caller: maybe("`confirmed`: the lamp of somebody who calls is steady before he is answered.", choice(["early", "confirmed"])),
  remote: maybe("Whether a lamp names the other party: `shown`, `anonymous` or `none`. Pickup by `Replaces` works with `shown` alone on most phones.", choice(["shown", "anonymous", "none"])),
  hold: maybe("The attribute that marks a held call: `pval` (RFC 4235) or `pvalue`.", choice(["pval", "pvalue"])),
  publish: maybe("What the phone publishes: `pidf`, `im` (where a rule says so, its `im:` status is read as RPID even with `im_to_rpid: false`) or `none`.", choice(["pidf", "im", "none"])),
  pickup: maybe("How the phone takes a call that rings elsewhere: `replaces`, `remote-target` or `code`.", choice(["replaces", "remote-target", "code"])),
  alert_info: maybe("The form of Alert-Info that it understands.", choice(["urn", "bellcore", "yealink", "snom", "polycom"])),
  digest: maybe("What its challenges offer, for phones that fail when they see them all: some of `authentication.algorithms`.", placed(list(choice(["MD5", "SHA-256"]), "a list such as [MD5]"))),
  accept: maybe("`ignored`: the phone's Accept header is wrong, it gets the document of its profile all the same.", choice(["honoured", "ignored"])),
  lists: maybe("How it reads NOTIFYs for lists: `standard` (RFC 4662), or `linphone`, which wants `Event: Presence`, and `Content-Id` without angle brackets.", choice(["standard", "linphone"])),
  gone: maybe("Answers to NOTIFY that end the subscription, beside 404 and 481.", list(status, "a list such as [489]")),
  overload: maybe("What it is answered when it, or its site, subscribes too often (`limits.subscribe`): `480` or `503` with Retry-After, or `403`. Many phones take a 503 for the failure of the whole server.", mapped(choice(["480", "503", "403"]), (word) => OVERLOAD[word])),
};

/** The key `phones` of the configuration. */
export const phonesKey: Key<readonly Reading<typeof phoneKeys>[]> = optional(
  "What single phones need, chosen by their User-Agent; the built-in list knows the common brands (docs/phones.md).",
  list(map(phoneKeys, [], 'a map such as { match: "^snom", pickup: replaces }'), 'a list such as [{ match: "^snom", pickup: replaces }]'),
  [],
  "`[]`",
);

/** The rules as the rest of the server reads them; a rule may offer what the server offers, `offered`, and nothing else. */
export function phoneRules(read: readonly Reading<typeof phoneKeys>[], offered: readonly DigestAlgorithm[], report: Report): readonly PhoneRule[] {
  return read.map(({ match, profile, alert_info, digest, ...others }) => {
    if (digest !== undefined) refuseDigest(digest, offered, report);
    const written = Object.fromEntries(Object.entries({ ...others, alertInfo: alert_info, digest: digest?.value }).filter(([, value]) => value !== undefined));
    return { match, profile: profile ?? null, ...written };
  });
}

function refuseDigest({ value, offset }: Placed<readonly DigestAlgorithm[]>, offered: readonly DigestAlgorithm[], report: Report): void {
  const [other] = value.filter((algorithm) => !offered.includes(algorithm));
  if (value.length === 0) report.mistake(offset, 'no algorithm is offered to this phone', `write some of [${offered.join(", ")}], or remove "digest"`);
  else if (other !== undefined) report.mistake(offset, `"authentication.algorithms" does not offer ${other}`, `add it there, or write some of [${offered.join(", ")}]`);
}
