import { rmSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { json, refusal, type AdminRoute } from "./admin/route.ts";
import { UnavailableError } from "./base/errors.ts";
import type { Store } from "./store/store.ts";
import { stageRestore } from "./store/staged-restore.ts";

/** `POST /api/backup` answers with a copy of the store; `POST /api/restore?overwrite=true` takes one as `application/octet-stream`, answers `{ records }`, and has `restart` called.
 *  One of either at a time. */
export function backupRoutes(deps: { readonly store: Store; readonly folder: string; readonly restart: () => void }): readonly AdminRoute[] {
  const { store, folder, restart } = deps;
  let isBusy = false;
  const alone = async (work: () => ReturnType<AdminRoute["answer"]>): Promise<Awaited<ReturnType<AdminRoute["answer"]>>> => {
    if (isBusy) return refusal(409, "busy", "another backup or restore is under way; try again when it is done");
    isBusy = true;
    try {
      return await work();
    } catch (err) {
      if (!(err instanceof UnavailableError)) throw err;
      return refusal(400, "unavailable", err.message);
    } finally {
      isBusy = false;
    }
  };
  return [
    {
      method: "POST",
      path: "/api/backup",
      access: "token",
      answer: () =>
        alone(async () => {
          const path = join(folder, "backup.part");
          rmSync(path, { force: true });
          await store.backup(path, () => undefined);
          return {
            kind: "file",
            path,
            onSent: () => {
              rmSync(path, { force: true });
            },
          };
        }),
    },
    {
      method: "POST",
      path: "/api/restore",
      access: "token",
      answer: ({ body, query }) =>
        alone(async () => {
          if (!(body instanceof Readable)) return refusal(415, "not_bytes", 'a backup comes as "Content-Type: application/octet-stream"');
          if (query.overwrite !== "true") return refusal(409, "would_overwrite", "a restore replaces what the server has; say so with --overwrite (overwrite=true)");
          const records = await stageRestore(folder, body);
          restart();
          return json({ records });
        }),
    },
  ];
}
