import { backupRoutes } from "./backup-routes.ts";
import { ConfigError } from "./base/errors.ts";
import type { Loaded } from "./config/config.ts";
import { createServer } from "./server.ts";
import { systemWorld, type Environment } from "./system-world.ts";
import { webOf } from "./web.ts";

/** A server with its pages, running in the real world. */
export interface Service {
  /** What to print once it runs. */
  readonly lines: readonly string[];
  /** Reads configuration and directory anew; says what was taken over, or every mistake, in which case the old ones stay. */
  reload(): string;
  /** `stuck`: the disk does not answer, and a process that ends the ordinary way would wait for it; nothing that was acknowledged is lost by a hard end. */
  stop(): Promise<"ended" | "stuck">;
}

/** Starts everything that a configuration names; `restart` is called when a restored store waits for the next start; `env` chooses the UDP engine. Rejects with UnavailableError when an address is taken or the store is locked. */
export async function startService(loaded: Loaded, load: () => Loaded, env: Environment, restart: () => void): Promise<Service> {
  const { config } = loaded;
  let end: "ended" | "stuck" = "ended";
  const world = await systemWorld(config, env, () => {
    end = "stuck";
  });
  const server = createServer(config, loaded.directory, world);
  let isServing = false;
  // The pages come first: who asks `/healthz` meanwhile is told to wait.
  const web = webOf(config, server, world, () => isServing, backupRoutes({ store: world.store, folder: config.storePath, restart }));
  try {
    await web.start();
    await server.start();
    isServing = true;
  } catch (err) {
    await web.stop();
    await server.stop();
    await world.store.close();
    throw err;
  }
  const listeners = world.transports.listeners.map((listener) => listener.url);
  world.log.info({ listener: listeners.join(" ") }, "serving");
  return {
    lines: [`Lamplight serves ${config.domain} on ${listeners.join(", ")}`, `web pages and API: ${config.web.url}`, `UDP engine: ${world.udpEngine}`],
    reload() {
      try {
        const next = load();
        server.directory.replace(next.directory);
        server.calendars.replace(next.config.calendars ?? []);
        const isSame = JSON.stringify({ ...next.config, calendars: [] }) === JSON.stringify({ ...config, calendars: [] });
        world.log.info({ count: next.directory.users.length }, "directory reloaded");
        return isSame ? `reloaded: ${next.directory.users.length} users` : `reloaded: ${next.directory.users.length} users; other changes of the configuration take effect at the next start`;
      } catch (err) {
        if (!(err instanceof ConfigError)) throw err;
        world.log.warn({ reason: err.message }, "reload refused: the old configuration stays");
        return `reload refused, the old configuration stays:\n${err.message}`;
      }
    },
    async stop() {
      web.stopping();
      await server.stop();
      await web.stop();
      await world.store.close();
      return end;
    },
  };
}
