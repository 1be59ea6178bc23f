import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer as createHttp, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { Reading } from "../../src/calendar/adapter.ts";
import { eventually, scratchFolder, startProgram } from "./program.ts";

/** Where a server listens: a port of this machine, or a socket in the file system. */
export type Place = { readonly host: "127.0.0.1"; readonly port: number } | { readonly socketPath: string };

/** Who may sign in to a server that checks it by itself. */
export const PEOPLE: Readonly<Record<string, string>> = { "alice@office.test": "alice-Pw-93511", bob: "bob-Pw-77310", svc: "svc-Pw-41276" };

/** Radicale with its own users: everybody reads and writes what is his, `svc` reads what is everybody's but carol's. */
export async function startRadicale(tls?: { readonly key: string; readonly cert: string }): Promise<Place & { readonly port: number }> {
  const folder = scratchFolder("radicale");
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const users = file("users", Object.entries(PEOPLE).map(([name, password]) => `${name}:${password}\n`).join(""));
  const rights = file(
    "rights",
    ["[root]", "user: .+", "collection:", "permissions: R", "[own]", "user: .+", "collection: {user}(/.*)?", "permissions: RrWw", "[closed]", "user: svc", "collection: carol(/.*)?", "permissions:", "[service]", "user: svc", "collection: .*", "permissions: Rr", ""].join("\n"),
  );
  const secure = tls === undefined ? [] : ["ssl = True", `certificate = ${file("cert.pem", tls.cert)}`, `key = ${file("key.pem", tls.key)}`];
  const config = file(
    "config",
    ["[server]", "hosts = 127.0.0.1:0", ...secure, "[auth]", "type = htpasswd", `htpasswd_filename = ${users}`, "htpasswd_encryption = plain", "delay = 0", "[rights]", "type = from_file", `file = ${rights}`, "[storage]", `filesystem_folder = ${join(folder, "collections")}`, "[logging]", "level = info", ""].join("\n"),
  );
  const program = startProgram("radicale", ["--config", config]);
  const port = Number(/:(\d+)'/.exec(await program.line(/Listening on '\[?127\.0\.0\.1\]?:\d+'/))?.[1]);
  return { host: "127.0.0.1", port };
}

/** Xandikos for alice alone; it asks for no password, so it stands behind a gateway. Her calendar is `/alice/calendars/calendar/`. */
export async function startXandikos(): Promise<Place> {
  const folder = scratchFolder("xandikos");
  mkdirSync(join(folder, "data"));
  const socketPath = join(folder, "socket");
  startProgram("xandikos", ["-d", join(folder, "data"), "--defaults", "--current-user-principal", "/alice/", "-l", socketPath]);
  const place = { socketPath };
  await eventually(async () => ((await send(place, { method: "OPTIONS", path: "/" }).catch(() => null)) === null ? null : true), () => "xandikos does not answer");
  return place;
}

/** A request straight to a server, as another client makes it. */
export async function send(place: Place, request: { readonly method: string; readonly path: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: string; readonly user?: string }): Promise<{ readonly status: number; readonly body: string }> {
  const { method, path, headers = {}, body = "", user } = request;
  const authorization = user === undefined ? {} : { authorization: `Basic ${Buffer.from(`${user}:${PEOPLE[user] ?? ""}`).toString("base64")}` };
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ ...place, method, path, headers: { ...authorization, ...headers, "content-length": Buffer.byteLength(body) } }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString("utf8") });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** Makes a calendar; `components`: what it may hold. */
export async function makeCalendar(place: Place, path: string, user?: string, components: readonly string[] = ["VEVENT"]): Promise<void> {
  const set = components.map((name) => `<C:comp name="${name}"/>`).join("");
  const body = `<?xml version="1.0"?><C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop><C:supported-calendar-component-set>${set}</C:supported-calendar-component-set></prop></set></C:mkcalendar>`;
  const { status } = await send(place, { method: "MKCALENDAR", path, body, headers: { "content-type": "application/xml" }, ...(user === undefined ? {} : { user }) });
  if (status !== 201) throw new Error(`MKCALENDAR ${path} was answered ${String(status)}`);
}

/** Puts an event there; `text`: the lines of it between BEGIN:VCALENDAR and END:VCALENDAR. */
export async function putEvent(place: Place, path: string, lines: readonly string[], user?: string): Promise<void> {
  const body = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", ...lines, "END:VCALENDAR", ""].join("\r\n");
  const { status } = await send(place, { method: "PUT", path, body, headers: { "content-type": "text/calendar; charset=utf-8" }, ...(user === undefined ? {} : { user }) });
  if (status !== 201 && status !== 204) throw new Error(`PUT ${path} was answered ${String(status)}`);
}

/** An event whose subject, place and guests nobody may ever see. */
export function eventLines(uid: string, ...lines: readonly string[]): readonly string[] {
  return ["BEGIN:VEVENT", `UID:${uid}`, "DTSTAMP:20261101T000000Z", "SUMMARY:QUARTZFALCON", "LOCATION:ZEBRAROOM", ...lines, "END:VEVENT"];
}

/** What was read, `11-23T09:00 11-23T10:00 busy meeting private` in UTC; or the failure. */
export function inWords(reading: Reading | undefined): unknown {
  expect(JSON.stringify(reading)).not.toMatch(/QUARTZFALCON|ZEBRAROOM|guest|-Pw-/);
  if (reading?.kind !== "entries") return reading;
  const at = (ms: number): string => new Date(ms).toISOString().slice(5, 16);
  return reading.entries.map(({ start, end, kind, hasAttendees, isPrivate }) => `${at(start)} ${at(end)} ${kind}${hasAttendees ? " meeting" : ""}${isPrivate ? " private" : ""}`);
}

export interface Gateway {
  readonly url: string;
  /** What came by: `REPORT sync-collection`, `PROPFIND /`. */
  readonly passed: string[];
}

export interface GatewaySettings {
  /** Who signs in, and how; left out: the gateway asks for nothing and hands the password on. */
  readonly auth?: { readonly scheme: "Basic" | "Digest"; readonly user: string; readonly password: string };
  readonly tls?: { readonly key: string; readonly cert: string };
  /** A status with which a request is turned away; null lets it by. */
  readonly refuse?: (what: string) => number | null;
}

/** What stands before a server in a company: it signs people in, speaks TLS, and here also writes down what passes. */
export async function gateway(place: Place, { auth, tls, refuse = () => null }: GatewaySettings = {}): Promise<Gateway> {
  const passed: string[] = [];
  const nonces = new Map<string, number>();
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const refused = auth === undefined ? null : challenge(request, auth, nonces);
      if (refused !== null) {
        response.writeHead(401, { "www-authenticate": refused }).end();
        return;
      }
      const what = `${request.method ?? ""} ${/<\w+:([\w-]+)/.exec(body.toString("latin1"))?.[1] ?? ""}`;
      passed.push(what);
      const status = refuse(what);
      if (status !== null) {
        response.writeHead(status).end();
        return;
      }
      const onward = httpRequest({ ...place, method: request.method, path: request.url, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.on("error", () => response.writeHead(502).end());
      onward.end(body);
    });
  };
  const server = tls === undefined ? createHttp(listener) : createHttps(tls, listener);
  server.on("clientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${String(port)}/`, passed };
}

/** The challenge for a request that is not signed in; null when it is. */
function challenge(request: IncomingMessage, { scheme, user, password }: NonNullable<GatewaySettings["auth"]>, nonces: Map<string, number>): string | null {
  const written = request.headers.authorization ?? "";
  if (scheme === "Basic") return written === `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` ? null : 'Basic realm="calendars"';
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
  const fields = new Map([...written.matchAll(/(\w+)=(?:"([^"]*)"|([^,\s]+))/g)].map(([, name = "", quoted, plain]) => [name, quoted ?? plain ?? ""]));
  const nonce = fields.get("nonce") ?? "";
  const count = Number.parseInt(fields.get("nc") ?? "0", 16);
  const expected = hash(`${hash(`${user}:calendars:${password}`)}:${nonce}:${fields.get("nc") ?? ""}:${fields.get("cnonce") ?? ""}:auth:${hash(`${request.method ?? ""}:${request.url ?? ""}`)}`);
  if (count > (nonces.get(nonce) ?? Infinity) && fields.get("uri") === request.url && fields.get("response") === expected) {
    nonces.set(nonce, count);
    return null;
  }
  const fresh = hash(`${String(nonces.size)} ${user}`).slice(0, 32);
  nonces.set(fresh, 0);
  return `Digest realm="calendars", qop="auth", algorithm=SHA-256, nonce="${fresh}", Digest realm="calendars", qop="auth", algorithm=MD5, nonce="${fresh}"`;
}
