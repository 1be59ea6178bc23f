import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { AdapterSettings, Reading } from "./adapter.ts";
import { calendarLimits } from "./icalendar.ts";
import { WebClient, type WebAnswer } from "./web-client.ts";
import { retryAfterMs, webFailure } from "./web-failure.ts";

/** What a web server has at an address. */
type IcsAnswer =
  | { readonly kind: "body"; /** The bytes in order. */ readonly parts: readonly Buffer[]; /** Given back with the next request: an entity tag and a date. */ readonly mark: string }
  | { readonly kind: "unchanged" }
  | (Reading & { readonly kind: "failure" });

/** Reads calendars from web servers. No failure names more of an address than its host: an address may be a secret. */
export interface IcsWeb {
  /** `mark`: of the body that is known already; null or empty for none. */
  get(url: string, mark: string | null, signal: AbortSignal): Promise<IcsAnswer>;
  close(): Promise<void>;
}

const REDIRECTS_MAX = 5;
const CONNECTIONS = 8;
const BYTES_MAX = calendarLimits.textMax;
const unpack = promisify(gunzip);

/** A reader with the credentials and authorities of a calendar. */
export function icsWeb({ calendar, clock }: AdapterSettings): IcsWeb {
  const client = new WebClient({ clock, ...(calendar.ca === null ? {} : { ca: calendar.ca }), timeoutMs: calendar.timeoutMs, bytesMax: BYTES_MAX, connections: CONNECTIONS });
  const credentials = calendar.username === null ? null : `Basic ${Buffer.from(`${calendar.username}:${calendar.password ?? ""}`, "utf8").toString("base64")}`;

  return {
    async get(text, mark, signal) {
      let url = new URL(text);
      const { origin } = url;
      for (let hops = 0; hops <= REDIRECTS_MAX; hops++) {
        const answer = await client.request({ method: "GET", url, headers: headersOf(mark, url.origin === origin ? credentials : null), signal });
        if (answer.kind === "failure") return answer;
        const location = answer.headers.get("location");
        if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return await judged(answer, url.host, mark, clock.now());
        const next = URL.canParse(location, url.href) ? new URL(location, url.href) : null;
        if (next === null || !/^https?:$/.test(next.protocol)) return webFailure("connection", `${url.host} sends us on to an address that is none`);
        if (url.protocol === "https:" && next.protocol === "http:") return webFailure("connection", `${url.host} sends us on to an address without encryption`);
        next.username = next.password = "";
        url = next;
      }
      return webFailure("connection", `${url.host} sends us on more than ${String(REDIRECTS_MAX)} times`);
    },
    close: () => client.close(),
  };
}

function headersOf(mark: string | null, credentials: string | null): Record<string, string> {
  const [tag = "", date = ""] = (mark ?? "").split("\n");
  return {
    accept: "text/calendar, text/plain;q=0.5, */*;q=0.1",
    "accept-encoding": "gzip",
    "user-agent": "Lamplight",
    ...(tag === "" ? {} : { "if-none-match": tag }),
    ...(date === "" ? {} : { "if-modified-since": date }),
    ...(credentials === null ? {} : { authorization: credentials }),
  };
}

async function judged(answer: WebAnswer, host: string, mark: string | null, now: number): Promise<IcsAnswer> {
  const { status, headers } = answer;
  if (status === 304 && mark !== null) return { kind: "unchanged" };
  if (status === 200) {
    const parts = await unpacked(answer);
    if (parts === null) return webFailure("unreadable", `what ${host} sent cannot be unpacked, or is larger than ${String(BYTES_MAX >> 20)} MB`);
    return { kind: "body", parts, mark: `${headers.get("etag") ?? ""}\n${headers.get("last-modified") ?? ""}` };
  }
  const wait = retryAfterMs(headers.get("retry-after"), now);
  if (status === 401 || status === 407) return webFailure("credentials", `${host} does not accept the user name or the password (${String(status)})`);
  if (status === 403) return webFailure("permission", `${host} does not let us read this calendar (403)`);
  if (status === 404 || status === 410) return webFailure("not-found", `${host} has no calendar at this address (${String(status)})`);
  if (status === 429 || (status === 503 && wait !== undefined)) return webFailure("throttled", `${host} asks us to come less often (${String(status)})`, wait);
  return webFailure("connection", `${host} answered ${String(status)}`, wait);
}

async function unpacked({ headers, parts }: WebAnswer): Promise<readonly Buffer[] | null> {
  const coding = headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (coding === "identity" || coding === "") return parts;
  if (coding !== "gzip" && coding !== "x-gzip") return null;
  try {
    return [await unpack(Buffer.concat(parts), { maxOutputLength: BYTES_MAX })];
  } catch {
    // Damaged, cut off, or a bomb.
    return null;
  }
}
