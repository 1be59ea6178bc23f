import type { Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import { isLoopback } from "../config/address.ts";
import type { Random } from "../base/random.ts";
import type { Access, Viewer } from "./route.ts";
import { siteTrouble } from "./same-site.ts";
import { SessionTickets, sessionLifeMs } from "./session-tickets.ts";
import { tokenCheck } from "./token-digest.ts";
import { tokenGuesses } from "./token-guesses.ts";

/** The name of the session cookie. */
export const sessionCookie = "lamplight_session";

/** What the gatekeeper looks at. */
export interface Visit {
  readonly access: Access;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly authorization: string | undefined;
  /** The value of the session cookie. */
  readonly session: string | undefined;
  /** True when another server has passed the request on. */
  readonly isForwarded: boolean;
  readonly query: Readonly<Record<string, unknown>>;
  /** Where the connection comes from, and our end of it. */
  readonly address: string;
  readonly localAddress: string | undefined;
}

/** Why a request is not let in. */
export interface Denial {
  readonly status: 400 | 401 | 403 | 429;
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

/** Decides who is let in: one answer for every route, asked before anything of the body is read. */
export interface Gatekeeper {
  /** Who comes in, or why he does not. */
  check(visit: Visit): Denial | Entry;
  /** Opens a session for whoever shows the token, or his own name and password; `session` is null when nothing is needed at all. */
  signIn(shown: Shown, address: string): { readonly session: { readonly id: string; readonly expiresAt: number } | null } | Denial;
  /** Ends a session. */
  signOut(session: string): void;
  /** The session that takes the place of one that is in use and an hour old; null while it is good as it is. */
  renewed(session: string): { readonly id: string; readonly expiresAt: number } | null;
}

/** Who was let in. */
export interface Entry {
  /** Null at an open call of someone who has not signed in. */
  readonly viewer: Viewer | null;
  /** False as soon as he would not be let in any more: his session is over, or he is nobody of ours. */
  readonly isStill: () => boolean;
}

/** What someone shows who wants a session: `token`, or `user` and `password`. */
export interface Shown {
  readonly token: unknown;
  readonly user: unknown;
  readonly password: unknown;
}

/** Who may sign in as himself. */
export interface People {
  /** What proves who he is, to be shown to `read` later; null when nobody has that name and password, in a time that does not tell which of the two is wrong. */
  prove(name: string, password: string): string | null;
  /** The person whom a proof names; null when it holds no more. */
  read(proof: string): Aor | null;
}

/** What a gatekeeper needs. */
export interface GatekeeperDeps {
  readonly auth: "token" | "none";
  readonly token: string | null;
  readonly clock: Clock;
  readonly random: Random;
  /** True for the names and addresses of this server; asked in lower case. */
  readonly isOwnHost: (host: string) => boolean;
  /** The port that the server listens on. */
  readonly port: () => number;
  readonly people: People;
  /** Signs the sessions; 32 secret bytes. */
  readonly key: Uint8Array;
}

const ADMINISTRATOR: Viewer = { kind: "administrator" };
/** A session that is in use is renewed after so long. */
const RENEWED_AFTER_MS = 3_600_000;
const always = (): boolean => true;
/** Longer names and passwords are nobody's. */
const SHOWN_LENGTH_MAX = 512;

/** Names under which a token is looked for, and refused, in a URL: URLs stand in logs, histories and other servers' records. */
const TOKEN_NAMES = new Set(["token", "access_token", "api_token", "auth", "bearer"]);

/** A gatekeeper with no open session. */
export function gatekeeper(deps: GatekeeperDeps): Gatekeeper {
  const isToken = tokenCheck(deps.token);
  const guesses = tokenGuesses(deps.clock);
  const sessions = new SessionTickets(deps);
  const viewerOf = (id: string): Viewer | null => {
    const owner = sessions.read(id)?.owner;
    if (owner === undefined || owner === "") return owner === undefined ? null : ADMINISTRATOR;
    const aor = deps.people.read(owner);
    return aor === null ? null : { kind: "person", aor };
  };
  const administrator: Entry = { viewer: ADMINISTRATOR, isStill: always };
  const entryOf = (id: string | undefined): Entry | null => {
    const viewer = id === undefined ? null : viewerOf(id);
    return id === undefined || viewer === null ? null : { viewer, isStill: () => viewerOf(id) !== null };
  };

  const tried = (token: string, address: string): Denial | null => {
    const waitSeconds = guesses.waitSeconds(address);
    if (waitSeconds > 0) return tooMany(address, waitSeconds);
    if (isToken(token)) return null;
    guesses.failed(address);
    return { status: 401, code: "wrong_token", message: 'this is not the token; it stands in the configuration under "web"' };
  };

  return {
    check(visit) {
      const trouble = siteTrouble({ ...visit, port: deps.port() }, deps.isOwnHost);
      // Following a link from elsewhere to the page is harmless: it shows nothing before its own calls are let in.
      if (trouble === "foreign_host") return { status: 403, code: trouble, message: "the Host header names another server than this one" };
      if (trouble !== null && (visit.access !== "open" || visit.origin !== undefined)) return { status: 403, code: trouble, message: "this call comes from another site's page" };
      for (const [name, value] of Object.entries(visit.query)) {
        if (!TOKEN_NAMES.has(name.toLowerCase()) && !(typeof value === "string" && isToken(value))) continue;
        return { status: 400, code: "token_in_url", message: "a token never stands in a URL: send it as \"Authorization: Bearer …\"" };
      }
      if (deps.auth === "none") return administrator;
      const entry = entryOf(visit.session);
      if (visit.access === "open") return entry ?? { viewer: null, isStill: always };
      if (visit.access === "scrape" && isLoopback(visit.address) && !visit.isForwarded) return administrator;
      // A token that is shown counts more than a session.
      if (entry !== null && visit.authorization === undefined) {
        if (entry.viewer?.kind === "administrator" || visit.access === "person") return entry;
        return { status: 403, code: "token_needed", message: "this is for the holders of the server's token; you are signed in as a person" };
      }
      const [, offered] = /^Bearer +([^\s]+) *$/i.exec(visit.authorization ?? "") ?? [];
      if (offered !== undefined) return tried(offered, visit.address) ?? administrator;
      if (entry !== null && (entry.viewer?.kind === "administrator" || visit.access === "person")) return entry;
      if (deps.token === null) return { status: 401, code: "no_token_set", message: 'nobody is let in: the configuration sets no token; write "token" or "token_env" under "web"' };
      return { status: 401, code: "token_needed", message: 'send the token of the configuration as "Authorization: Bearer …", or open a session' };
    },
    signIn({ token, user, password }, address) {
      if (typeof token === "string" || (deps.auth === "none" && user === undefined)) {
        if (deps.auth === "none") return { session: null };
        return tried(String(token), address) ?? { session: sessions.open("") };
      }
      if (typeof user !== "string" || typeof password !== "string" || user.length > SHOWN_LENGTH_MAX || password.length > SHOWN_LENGTH_MAX) {
        return { status: 400, code: "bad_request", message: 'the body is { "token": "…" }, or { "user": "…", "password": "…" }' };
      }
      const waitSeconds = guesses.waitSeconds(address);
      if (waitSeconds > 0) return tooMany(address, waitSeconds);
      const proof = deps.people.prove(user, password);
      if (proof !== null) return { session: sessions.open(proof) };
      guesses.failed(address);
      return { status: 401, code: "wrong_password", message: "nobody here has that name and that password; they are those of the phone" };
    },
    signOut(session) {
      sessions.close(session);
    },
    renewed(session) {
      const read = sessions.read(session);
      if (read === null || viewerOf(session) === null || read.expiresAt - deps.clock.now() > sessionLifeMs - RENEWED_AFTER_MS) return null;
      return sessions.open(read.owner);
    },
  };
}

function tooMany(address: string, waitSeconds: number): Denial {
  return { status: 429, code: "too_many_guesses", message: `too many wrong tokens from ${address}: wait ${String(waitSeconds)} s`, retryAfterSeconds: waitSeconds };
}
