import type { Clock } from "../base/clock.ts";
import { isLoopback } from "../config/address.ts";
import type { Random } from "../base/random.ts";
import type { Access } from "./route.ts";
import { siteTrouble } from "./same-site.ts";
import { SessionTable } from "./session-table.ts";
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
  /** Null: come in. */
  check(visit: Visit): Denial | null;
  /** Opens a session for whoever shows the token; `session` is null when no token is needed at all. */
  signIn(token: unknown, address: string): { readonly session: { readonly id: string; readonly expiresAt: number } | null } | Denial;
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
}

/** Names under which a token is looked for, and refused, in a URL: URLs stand in logs, histories and other servers' records. */
const TOKEN_NAMES = new Set(["token", "access_token", "api_token", "auth", "bearer"]);

/** A gatekeeper with no open session. */
export function gatekeeper(deps: GatekeeperDeps): Gatekeeper {
  const isToken = tokenCheck(deps.token);
  const guesses = tokenGuesses(deps.clock);
  const sessions = new SessionTable(deps);

  const tried = (token: string, address: string): Denial | null => {
    const waitSeconds = guesses.waitSeconds(address);
    if (waitSeconds > 0) return { status: 429, code: "too_many_guesses", message: `too many wrong tokens from ${address}: wait ${String(waitSeconds)} s`, retryAfterSeconds: waitSeconds };
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
      if (visit.access === "open" || deps.auth === "none") return null;
      if (visit.access === "scrape" && isLoopback(visit.address) && !visit.isForwarded) return null;
      if (visit.session !== undefined && sessions.has(visit.session)) return null;
      const [, offered] = /^Bearer +([^\s]+) *$/i.exec(visit.authorization ?? "") ?? [];
      if (offered !== undefined) return tried(offered, visit.address);
      if (deps.token === null) return { status: 401, code: "no_token_set", message: 'nobody is let in: the configuration sets no token; write "token" or "token_env" under "web"' };
      return { status: 401, code: "token_needed", message: 'send the token of the configuration as "Authorization: Bearer …", or open a session' };
    },
    signIn(token, address) {
      if (deps.auth === "none") return { session: null };
      if (typeof token !== "string") return { status: 400, code: "bad_request", message: 'the body is { "token": "…" }' };
      return tried(token, address) ?? { session: sessions.open() };
    },
  };
}
