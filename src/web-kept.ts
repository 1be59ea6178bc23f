import { refusal, type AdminRoute } from "./admin/route.ts";
import type { Store } from "./store/store.ts";

/** The same calls, but whatever changes something is answered only when the change is kept as durably as the configuration asks; 503 when the disk does not take it. */
export function keptRoutes(routes: readonly AdminRoute[], store: Pick<Store, "isImmediate" | "commit" | "kept">): readonly AdminRoute[] {
  return routes.map((route) => (route.method === "GET" ? route : { ...route, answer: async (request) => kept(await route.answer(request), store) }));
}

async function kept<T>(answer: T, store: Pick<Store, "isImmediate" | "commit" | "kept">): Promise<T | ReturnType<typeof refusal>> {
  store.commit();
  if (store.isImmediate) return answer;
  const isKept = await new Promise<boolean>((resolve) => {
    store.kept(resolve);
  });
  return isKept ? answer : refusal(503, "not_kept", "the disk of the store does not answer; try again in a moment");
}
