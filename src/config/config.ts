import type { Endpoint } from "./address.ts";
import type { CalendarConfig } from "./calendars-schema.ts";
import type { KeyPair } from "./certificate.ts";
import type { Expires, Rate } from "./quantity.ts";

/** Everything that the configuration file says, checked, with every default filled in: the only thing that the rest of the server reads. */
export interface Config {
  /** The SIP domain and the realm, in lower case, e.g. `tel.example.test`. */
  readonly domain: string;
  readonly role: "main";
  /** This server's name. */
  readonly node: string;
  readonly listen: readonly ListenEntry[];
  readonly workers: number;
  /** Folder of the embedded store, absolute. */
  readonly storePath: string;
  readonly durability: "fast" | "full";
  readonly authentication: AuthenticationConfig;
  readonly registerExpires: Expires;
  readonly contactsPerUserMax: number;
  /** A call older than `ageMaxMs` is taken for ended; one of which nothing was seen for `probeMs` is asked after (0: never); `endDead`: a dead one is ended with BYE. */
  readonly dialogs: { readonly ageMaxMs: number; readonly probeMs: number; readonly endDead: boolean };
  readonly web: WebConfig;
  readonly log: { readonly level: "debug" | "info" | "warn" | "error" | "silent"; readonly sip: boolean };
  /** The directory file, absolute. */
  readonly directoryPath: string;
  readonly presence: PresenceConfig;
  readonly limits: LimitsConfig;
  /** Name servers to ask; empty for those of the system. */
  readonly resolverServers: readonly Endpoint[];
  /** What single phones need beside the built-in list; the first that matches counts. */
  readonly phones: readonly PhoneRule[];
  /** What speaks for people besides their phones; left out counts as none. It holds secrets: never logged, stored or served. */
  readonly calendars?: readonly CalendarConfig[];
}

/** What the operator says of phones whose User-Agent matches; a key that he left out is as the built-in list has it. */
export interface PhoneRule {
  /** A regular expression, without regard to case. */
  readonly match: string;
  /** The built-in profile to start from; null for the one that the User-Agent has anyway. */
  readonly profile: string | null;
  readonly presence?: "pidf" | "im" | "digium" | "xpidf";
  readonly dialogs?: "all" | "one";
  readonly idle?: "dummy" | "empty";
  readonly caller?: "early" | "confirmed";
  readonly remote?: "shown" | "anonymous" | "none";
  readonly hold?: "pval" | "pvalue";
  readonly publish?: "pidf" | "im" | "none";
  readonly pickup?: PickupForm;
  readonly alertInfo?: AlertInfoForm;
  readonly digest?: readonly DigestAlgorithm[];
  readonly accept?: "honoured" | "ignored";
  readonly lists?: "standard" | "linphone";
  readonly gone?: readonly number[];
  readonly overload?: 403 | 480 | 503;
}

/** How a phone answers a call that rings elsewhere: INVITE with Replaces to the caller; INVITE to what the lamp shows as the remote party; a feature code
 *  before the extension. */
export type PickupForm = "replaces" | "remote-target" | "code";

/** How a phone is told by what sound to ring. */
export type AlertInfoForm = "urn" | "bellcore" | "yealink" | "snom" | "polycom";

/** One address to listen on; certificates are loaded PEM text. */
export interface ListenEntry extends Partial<KeyPair> {
  /** `udp://0.0.0.0:5060`, `wss://[::]:8443/sip`: always with a port. */
  readonly url: string;
  /** The network's name; without it the network is `default`. */
  readonly network?: string;
  /** Certificates for other names that clients may ask for; `name` may be `*.example.test`. */
  readonly sni?: readonly (KeyPair & { readonly name: string })[];
  /** PEM text of the authorities of client certificates. */
  readonly clientCa?: string;
  readonly clientCertificates?: "none" | "optional" | "required";
  /** Web origins that may open a WebSocket; without it any may. */
  readonly origins?: readonly string[];
}

/** What a challenge may offer (RFC 8760). */
export type DigestAlgorithm = "MD5" | "SHA-256";

/** Who must prove who he is, and how. */
export interface AuthenticationConfig {
  readonly require: "all" | "register" | "none";
  /** What is offered, in the order it is written; never empty. */
  readonly algorithms: readonly DigestAlgorithm[];
  /** Wrong passwords that an address or user may send. */
  readonly guesses: Rate;
  /** Peers that are not challenged, as `ADDRESS/BITS`. */
  readonly trustedNetworks: readonly string[];
}

/** The pages and the API. */
export interface WebConfig {
  /** `http://127.0.0.1:8080`. */
  readonly url: string;
  /** `127.0.0.1`, `::` or `localhost`. */
  readonly address: string;
  readonly port: number;
  readonly auth: "token" | "none";
  /** Null: no token is set, so nobody is let in (unless `auth` is none). */
  readonly token: string | null;
  /** Pages that follow `/api/events` at one time. */
  readonly eventStreamsMax: number;
}

/** How a person's state is made and told. */
export interface PresenceConfig {
  readonly merge: boolean;
  readonly primarySource: "calendar" | "api" | "publish" | "none";
  readonly imToRpid: boolean;
  readonly early: "ringing" | "busy" | "ignore";
  readonly basicFrom: "reachability" | "winner";
  readonly notifyIntervalMs: number;
  /** Bytes on disk that the past may take. */
  readonly historyBytesMax: number;
  readonly publishExpires: Expires;
  readonly subscribeExpires: Expires;
  readonly anyoneInDomainMayWatch: boolean;
}

/** What the server takes from others at most. */
export interface LimitsConfig {
  readonly messageBytesMax: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** New subscriptions that one source may send; null for no limit. Left out counts as none. */
  readonly subscribe?: { readonly perAddress: Rate | null; readonly perUserAgent: Rate | null; readonly perEvent: Rate | null };
}

/** What the directory file says. */
export interface DirectoryFile {
  readonly users: readonly DirectoryUser[];
  /** Resource lists, those that groups make last; left out counts as none. */
  readonly lists?: readonly DirectoryList[];
}

/** People who are watched by one subscription to `sip:ID@DOMAIN` (RFC 4662). Lists and groups among the members are written out; nobody stands in it twice. */
export interface DirectoryList {
  readonly id: string;
  /** Unicode text; the id when the file gives none. */
  readonly name: string;
  /** Ids of users, in the order of the file. */
  readonly members: readonly string[];
}

/** Who may watch a person; ids of users, groups and lists written out. The person himself always may. The strictest that names a watcher counts. */
export interface DirectoryWatchers {
  /** `domain`: everyone of ours. */
  readonly allow: "domain" | readonly string[];
  /** See somebody who is always offline. */
  readonly politeBlock: readonly string[];
  readonly block: readonly string[];
  /** What those get whom nothing above names: a refusal, or a subscription that waits for permission. */
  readonly others: "block" | "ask";
  /** May see his message lamp. */
  readonly messages: readonly string[];
}

/** One person, as the directory file names him. */
export interface DirectoryUser {
  readonly id: string;
  /** Unicode text; the id when the file gives none. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** As written, e.g. `+32 475 00 01 01`. */
  readonly numbers: readonly string[];
  readonly inbound: "none" | "anyone";
  /** Wants to be left in peace until he says otherwise; left out counts as false. */
  readonly doNotDisturb?: boolean;
  readonly secret: Secret;
  /** The mail address whose calendar speaks for him. */
  readonly mailbox?: string;
  /** IANA or Windows name of the time zone that he lives in. */
  readonly timeZone?: string;
  /** Others see that he talks, never with whom. */
  readonly isPrivate?: boolean;
  /** Left out: as `presence.anyone_in_domain_may_watch` says. */
  readonly watchers?: DirectoryWatchers;
}

/** How a user proves who he is: a plain password, hashes of `id:domain:password` in lower-case hexadecimal, or not at all. */
export type Secret =
  | { readonly kind: "password"; readonly password: string }
  | { readonly kind: "ha1"; readonly md5?: string; readonly sha256?: string }
  | { readonly kind: "none" };

/** A configuration without a mistake. */
export interface Loaded {
  readonly config: Config;
  readonly directory: DirectoryFile;
  /** The files that were read, absolute: the configuration, then the directory if there is one. */
  readonly files: readonly string[];
  /** What is allowed but deserves a second look. */
  readonly warnings: readonly string[];
}
