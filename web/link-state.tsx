import type { JSX } from "preact";
import { heardAt, link } from "./live.ts";

/** Whether what is shown is so now. */
export function LinkState(): JSX.Element {
  const state = link.value;
  const since = new Date(heardAt.value).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return (
    <p class="link" role="status" data-state={state}>
      {state === "live" ? "Live" : state === "connecting" ? "Connecting …" : `No connection: as of ${since}`}
    </p>
  );
}
