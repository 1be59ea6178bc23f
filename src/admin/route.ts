import type { Aor } from "../base/ids.ts";

/** Who may ask: `open` anyone; `person` whoever has signed in, as a person or with the token; `token` who holds the bearer token or a session that was opened with it;
 *  `scrape` also whoever asks from this machine itself. */
export type Access = "open" | "person" | "token" | "scrape";

/** Who asks: a holder of the token, or a person who has signed in as himself. */
export type Viewer = { readonly kind: "administrator" } | { readonly kind: "person"; readonly aor: Aor };

/** What a route is asked. */
export interface AdminRequest {
  /** The parts of the path that the route names, decoded: `{ aor: "sip:101@tel.example.test" }`. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Parsed JSON; undefined without a body; a stream of bytes of any number when it comes as `application/octet-stream`. */
  readonly body: unknown;
  /** Who asks; null at an open call. */
  readonly viewer: Viewer | null;
}

/** What a route answers. */
export type AdminReply =
  | { readonly kind: "json"; readonly status: number; readonly body: unknown }
  /** A JSON array, made and written in slices, so that a long one delays no call. */
  | { readonly kind: "list"; readonly items: Iterable<unknown> }
  | { readonly kind: "text"; readonly contentType: string; readonly text: string }
  /** A file, streamed; `onSent` follows however that ends. */
  | { readonly kind: "file"; readonly path: string; readonly onSent: () => void }
  /** Server-sent events, until either side ends them. */
  | { readonly kind: "events" };

/** One call of the HTTP API. Features hand theirs to the server; none knows by what library it is served. */
export interface AdminRoute {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `/api/presence/:aor`. */
  readonly path: string;
  readonly access: Access;
  readonly answer: (request: AdminRequest) => AdminReply | Promise<AdminReply>;
}

/** 200 with a value. */
export function json(body: unknown, status = 200): AdminReply {
  return { kind: "json", status, body };
}

/** 200 with a list. */
export function list(items: Iterable<unknown>): AdminReply {
  return { kind: "list", items };
}

/** A refusal: `code` is for programs and never changes, `message` for people: what was wrong and what to do. */
export function refusal(status: number, code: string, message: string): AdminReply {
  return { kind: "json", status, body: { error: code, message } };
}
