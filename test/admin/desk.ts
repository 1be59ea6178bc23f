import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adminServer, type AdminServer } from "../../src/admin/admin-server.ts";
import { EventStreams } from "../../src/admin/event-streams.ts";
import { gatekeeper, type GatekeeperDeps } from "../../src/admin/gatekeeper.ts";
import type { AdminRoute } from "../../src/admin/route.ts";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";

export const TOKEN = "a-token-of-some-length";

/** An admin server that is asked without sockets, unless it is started. */
export async function desk(parts: { routes?: readonly AdminRoute[]; auth?: "token" | "none"; token?: string | null; clock?: Clock; streams?: EventStreams; people?: GatekeeperDeps["people"] } = {}): Promise<AdminServer & { readonly streams: EventStreams }> {
  const { people = { prove: () => null, read: () => null }, routes = [], auth = "token", token = TOKEN, clock = systemClock } = parts;
  const folder = mkdtempSync(join(tmpdir(), "lamplight-pages-"));
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>page</title>");
  writeFileSync(join(folder, "page.js"), "export {};");
  const streams = parts.streams ?? new EventStreams({ clock, snapshot: () => ({}) });
  let server: AdminServer | null = null;
  const keeper = gatekeeper({ auth, token, clock, random: seededRandom(7), isOwnHost: (host) => host === "localhost" || host === "tel.example.test", port: () => server?.port ?? 8080, people, key: new Uint8Array(32).fill(1) });
  const built = await adminServer({ listen: { address: "127.0.0.1", port: 0 }, gatekeeper: keeper, routes, streams, pages: folder, clock, log: silentLog });
  server = built;
  return {
    start: () => built.start(),
    stopping: () => {
      built.stopping();
    },
    stop: async () => {
      await built.stop();
      rmSync(folder, { recursive: true, force: true });
    },
    get url() {
      return built.url;
    },
    get port() {
      return built.port;
    },
    inject: built.inject,
    streams,
  };
}

/** Asks; with the right token unless other headers are given. */
export async function ask(server: AdminServer, path: string, parts: { method?: "GET" | "POST" | "PUT" | "DELETE" | "HEAD"; headers?: Record<string, string>; payload?: string | object; remoteAddress?: string } = {}) {
  const { method = "GET", headers = { authorization: `Bearer ${TOKEN}` }, payload, remoteAddress = "192.0.2.9" } = parts;
  return server.inject({ method, url: path, headers: { host: "localhost", ...headers }, remoteAddress, ...(payload === undefined ? {} : { payload }) });
}

/** The code of a refusal. */
export function errorOf(answer: { readonly statusCode: number; readonly body: string }): string {
  const { error, message } = JSON.parse(answer.body) as { error: string; message: string };
  if (message === "") throw new Error(`${error} has no message`);
  return `${String(answer.statusCode)} ${error}`;
}
