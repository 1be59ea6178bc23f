import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { adminServer, type AdminServer } from "./admin/admin-server.ts";
import { gatekeeper } from "./admin/gatekeeper.ts";
import { metricsPage } from "./admin/metrics.ts";
import { processMetrics } from "./admin/process-metrics.ts";
import type { AdminRoute } from "./admin/route.ts";
import type { Cancel } from "./base/clock.ts";
import { isLoopback, isWildcard } from "./config/address.ts";
import type { Config } from "./config/config.ts";
import { interfaceAddresses } from "./directory/own-hosts.ts";
import type { Server, World } from "./server.ts";
import type { SystemTransports } from "./sip/transport/system-transports.ts";
import { healthRoute, webHealth } from "./web-health.ts";
import { webKey } from "./web-key.ts";
import { webEvents } from "./web-events.ts";
import { storeMetrics, webMetrics } from "./web-metrics.ts";
import { keptRoutes } from "./web-kept.ts";
import { peopleWhoSignIn } from "./web-people.ts";
import { webRoutes } from "./web-routes.ts";

/** The pages and the API of a running server. */
export interface Web {
  /** Listens; rejects with UnavailableError when the address is taken. `/healthz` is 503 until `isServing` says that the server has started, then 200. */
  start(): Promise<void>;
  /** From now on `/healthz` is 503; everything else is still answered. */
  stopping(): void;
  stop(): Promise<void>;
  /** `http://127.0.0.1:8080`; after the start with the port that was really bound. */
  readonly url: string;
}

/** What of the world the pages need. */
export type WebWorld = Pick<World, "clock" | "random" | "log"> & Partial<Pick<World, "store">> & { readonly transports: Pick<SystemTransports, "counters"> };

// dist/main.js and src/web.ts both stand one folder below the package's own.
const PACKAGE = new URL("../", import.meta.url);

/** Connects the HTTP server to the parts of a server; nothing runs before `start`, which may come before the server's own. `more`: calls that the parts know nothing of. */
export function webOf(config: Pick<Config, "web">, server: Server, world: WebWorld, isServing: () => boolean = () => true, more: readonly AdminRoute[] = []): Web {
  const { web } = config;
  const { clock, random, log } = world;
  let running: { readonly http: AdminServer; readonly end: Cancel } | null = null;

  const isOwnHost = (host: string): boolean => {
    if (host === "localhost" || host === web.address || server.directory.isOwnDomain(host)) return true;
    return isWildcard(web.address) ? interfaceAddresses().includes(host) : isLoopback(web.address) && isLoopback(host);
  };
  return {
    async start() {
      const { streams, end: unfollow } = webEvents(server, clock, web.eventStreamsMax);
      const health = webHealth(server, clock);
      const process = processMetrics({ version: packageVersion(), startedAtMs: clock.now() });
      const metrics = metricsPage([...process.metrics, ...webMetrics(server, world.transports, streams), ...(world.store === undefined ? [] : storeMetrics(world.store))]);
      const end = (): void => {
        unfollow();
        process.stop();
        health.stop();
      };
      const keeper = gatekeeper({ auth: web.auth, token: web.token, clock, random, isOwnHost, port: () => running?.http.port ?? web.port, people: peopleWhoSignIn(server.directory), key: webKey(world.store, random, web.token) });
      const routes = [...webRoutes(server, metrics), healthRoute(health)];
      const http = await adminServer({ listen: web, gatekeeper: keeper, routes: [...(world.store === undefined ? routes : keptRoutes(routes, world.store)), ...more], streams, isReady: isServing, pages: fileURLToPath(new URL("dist/web/", PACKAGE)), clock, log });
      running = { http, end };
      try {
        await http.start();
      } catch (err) {
        end();
        await http.stop();
        throw err;
      }
    },
    stopping() {
      running?.http.stopping();
    },
    async stop() {
      running?.end();
      await running?.http.stop();
    },
    get url() {
      return running?.http.url ?? web.url;
    },
  };
}

/** The version in package.json. */
function packageVersion(): string {
  const found = /"version":\s*"([^"]+)"/.exec(readFileSync(new URL("package.json", PACKAGE), "utf8"));
  return found?.[1] ?? "unknown";
}
