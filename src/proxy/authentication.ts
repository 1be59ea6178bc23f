import ipaddr from "ipaddr.js";
import { aorOf, type Aor } from "../base/ids.ts";
import type { Directory } from "../directory/directory.ts";
import type { User } from "../directory/user.ts";
import { challenge } from "../sip/digest/challenge.ts";
import { parseAuthorization, type DigestCredentials } from "../sip/digest/credentials.ts";
import { digestUriFits } from "../sip/digest/digest-uri.ts";
import type { DigestAlgorithm } from "../sip/digest/hashes.ts";
import type { Nonces } from "../sip/digest/nonces.ts";
import { judge } from "../sip/digest/response.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { bareHost } from "../sip/uri.ts";
import type { Call, Feature } from "./feature.ts";
import type { GuessLimit } from "./guess-limit.ts";
import { goOn, refuse, type Verdict } from "./verdict.ts";

/** What became of the authentications, for metrics. */
export interface AuthenticationCounts {
  challenged: number;
  accepted: number;
  wrong: number;
  slowed: number;
  forbidden: number;
}

/** How the caller is written into the call: the pipeline's own. */
export interface CallerMarker {
  identified(call: Call, caller: Aor): void;
  trusted(call: Call): void;
}

/** Says who sends a request (RFC 3261 §22): digest for whoever claims to be of our domain, nothing for a stranger but what the directory
 *  lets everyone do. The realm is the domain, whatever address the phone used. */
export function authentication(deps: {
  readonly directory: Directory;
  readonly nonces: Nonces;
  readonly guesses: GuessLimit;
  readonly settings: { readonly require: "all" | "register" | "none"; readonly algorithms: readonly DigestAlgorithm[]; readonly trustedNetworks: readonly string[] };
  readonly mark: CallerMarker;
  /** What phones of that User-Agent are offered; null when it is what everyone is. */
  readonly offerOf?: (userAgent: string) => readonly DigestAlgorithm[] | null;
}): Feature & { readonly counts: AuthenticationCounts } {
  const { directory, nonces, guesses, settings, mark, offerOf } = deps;
  const counts: AuthenticationCounts = { challenged: 0, accepted: 0, wrong: 0, slowed: 0, forbidden: 0 };
  const trusted = settings.trustedNetworks.map((network) => ipaddr.parseCIDR(network));
  const realm = directory.domain;

  const challenged = (call: Call, isStale: boolean): Verdict => {
    counts.challenged++;
    const isRegister = call.message.method === "REGISTER";
    const name = isRegister ? "WWW-Authenticate" : "Proxy-Authenticate";
    const lines = challenge({ realm, algorithms: offerOf?.(call.message.header(Header.userAgent) ?? "") ?? settings.algorithms, nonce: nonces.issue(), stale: isStale }).map((value) => `${name}: ${value}\r\n`);
    return refuse(isRegister ? 401 : 407, undefined, lines.join(""));
  };

  const forbidden = (reason: string): Verdict => {
    counts.forbidden++;
    return refuse(403, `Forbidden: ${reason}`);
  };

  const judged = (call: Call, credentials: DigestCredentials, claimed: Aor | null): Verdict => {
    const { message } = call;
    const aor = directory.aorOf(credentials.username, realm);
    const user = aor === null ? null : directory.user(aor);
    // An unknown user is told what a wrong password is told, so that names cannot be tried out.
    const { algorithm } = credentials;
    const ha1 = user === null || algorithm === null ? undefined : ha1Of(user, algorithm);
    if (aor === null || ha1 === undefined || algorithm === null || !settings.algorithms.includes(algorithm)) {
      if (aor === null) counts.wrong++;
      return challenged(call, false);
    }
    const address = call.source.remoteAddress;
    if (guesses.isSlowed(address, aor)) {
      counts.slowed++;
      return forbidden("too many wrong passwords, wait a minute");
    }
    if (!digestUriFits(credentials.uri, message.requestUri, directory.isOwnDomain.bind(directory))) return refuse(400, "Bad Request: the digest uri names another request");
    switch (judge({ credentials, method: message.method, ha1, body: message.body }, nonces)) {
      case "stale":
        return challenged(call, true);
      case "wrong":
        counts.wrong++;
        guesses.failed(address, aor);
        return challenged(call, false);
      case "right":
        guesses.succeeded(address, aor);
    }
    if (claimed !== aor) return forbidden("From is not the user whose password this is");
    if (message.method === "REGISTER" && aorIn(directory, message, Header.to) !== aor) return forbidden("one registers for oneself only");
    counts.accepted++;
    mark.identified(call, aor);
    return goOn;
  };

  return {
    name: "authentication",
    after: ["options"],
    counts,
    onRequest(call) {
      const { message } = call;
      if (call.retargets > 0) return goOn;
      const claimed = aorIn(directory, message, Header.from);
      if (trusted.length > 0 && isTrusted(trusted, call.source.remoteAddress)) {
        mark.trusted(call);
        if (claimed !== null) mark.identified(call, claimed);
        return goOn;
      }
      if (settings.require === "none" || (settings.require === "register" && message.method !== "REGISTER")) {
        // Taken at his word, known to the directory or not: for benchmarks, and loudly warned of at start.
        const anyone = claimed ?? anyoneIn(directory, message);
        if (anyone !== null) mark.identified(call, anyone);
        return anyone === null ? asStranger(call, directory, forbidden) : goOn;
      }
      const claimsOurs = claimed !== null || isOwnAddress(directory, message) || message.method === "REGISTER";
      if (!claimsOurs) return asStranger(call, directory, forbidden);
      const credentials = credentialsFor(message, realm);
      return credentials === null ? challenged(call, false) : judged(call, credentials, claimed);
    },
  };
}

/** A stranger reaches whoever lets everyone call; nobody and nothing else, least of all another domain through us. */
function asStranger(call: Call, directory: Directory, forbidden: (reason: string) => Verdict): Verdict {
  const user = call.aor === null || call.nextRoute !== null ? null : directory.user(call.aor);
  const { method } = call.message;
  if (user?.inbound === "anyone" && STRANGERS_MAY.includes(method)) return goOn;
  return forbidden(call.isOurs ? "strangers are not let in here" : "no relaying for strangers");
}

/** What a stranger may ask of a user who lets him: to talk. Not to be told things, nor to steer the phone: a REFER makes it call, a NOTIFY restart. */
const STRANGERS_MAY = ["INVITE", "MESSAGE", "OPTIONS"];

function credentialsFor(message: Message, realm: string): DigestCredentials | null {
  // Phones put credentials for a proxy into either header; the realm tells whose they are.
  for (const header of [Header.proxyAuthorization, Header.authorization] as const) {
    for (let line = message.lineOf(header); line !== -1; line = message.lineOf(header, line)) {
      const credentials = parseAuthorization(message.text.slice(message.valueStart(line), message.valueEnd(line)));
      if (credentials !== null && credentials.realm.toLowerCase() === realm) return credentials;
    }
  }
  return null;
}

function ha1Of(user: User, algorithm: DigestAlgorithm): string | undefined {
  switch (algorithm) {
    case "MD5":
      return user.ha1.md5;
    case "SHA-256":
      return user.ha1.sha256;
    case "SHA-512-256":
      return undefined;
  }
}

/** The person of ours that a From or To names. */
function aorIn(directory: Directory, message: Message, header: typeof Header.from | typeof Header.to): Aor | null {
  const uri = message.addressUri(header);
  return uri?.user == null ? null : directory.aorOf(uri.user, uri.host);
}

/** Whoever of our domain a From claims to be, though the directory does not know him. */
function anyoneIn(directory: Directory, message: Message): Aor | null {
  const uri = message.addressUri(Header.from);
  return uri?.user == null || !directory.isOwnDomain(uri.host) ? null : aorOf(uri.user, directory.domain);
}

function isOwnAddress(directory: Directory, message: Message): boolean {
  const uri = message.addressUri(Header.from);
  return uri !== null && directory.isOwnDomain(uri.host);
}

function isTrusted(networks: readonly [ipaddr.IPv4 | ipaddr.IPv6, number][], remoteAddress: string): boolean {
  const address = ipaddr.process(bareHost(remoteAddress));
  return networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
}
