import { signal } from "@preact/signals";
import { listen, type EventFacts } from "./api.ts";
import { setServerTime } from "./now.ts";
import { takeLamp, takeRegistration, takeSnapshot, takeState } from "./people.ts";
import { checkSession, session } from "./session.ts";

/** How the page stands with the server: `stale` shows what was so when it was last heard. */
export const link = signal<"connecting" | "live" | "stale">("connecting");
/** When the server was last heard, ms since 1970 by this clock. */
export const heardAt = signal(0);

/** The server says something every 20 s: after this silence it is not there. */
const SILENCE_MS = 45_000;
/** A break that is shorter is not worth a word. */
const GRACE_MS = 1500;
const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 15_000;

let source: EventSource | null = null;
let retryMs = RETRY_MS_MIN;
let retry = 0;
let grace = 0;
let watchdog = 0;

/** Follows what happens, and comes back by itself after every break with everything that was missed. */
export function follow(): void {
  leave();
  const stream = new EventSource("api/events");
  source = stream;
  const on = <K extends keyof EventFacts>(name: K, take: (fact: EventFacts[K]) => void): void => {
    listen(stream, name, (fact) => {
      heard();
      take(fact);
    });
  };
  on("snapshot", (snapshot) => {
    setServerTime(snapshot.at);
    takeSnapshot(snapshot);
  });
  on("presence", takeState);
  on("lamp", takeLamp);
  on("registration", takeRegistration);
  on("alive", () => undefined);
  stream.addEventListener("error", () => {
    if (source === stream) lost();
  });
  window.clearInterval(watchdog);
  watchdog = window.setInterval(() => {
    if (heardAt.value > 0 && Date.now() - heardAt.value > SILENCE_MS) lost();
  }, 5000);
}

/** Follows no more. */
export function leave(): void {
  source?.close();
  source = null;
  window.clearTimeout(retry);
  window.clearInterval(watchdog);
}

function heard(): void {
  heardAt.value = Date.now();
  retryMs = RETRY_MS_MIN;
  window.clearTimeout(grace);
  grace = 0;
  link.value = "live";
}

/** The stream is broken: not the browser's own tries, which give up for ever at the first refusal, but ours. */
function lost(): void {
  leave();
  if (link.value === "live" && grace === 0) {
    grace = window.setTimeout(() => {
      link.value = "stale";
    }, GRACE_MS);
  } else if (grace === 0 && heardAt.value > 0) link.value = "stale";
  retry = window.setTimeout(() => void again(), retryMs * (0.75 + Math.random() / 2));
  retryMs = Math.min(RETRY_MS_MAX, retryMs * 1.6);
}

async function again(): Promise<void> {
  const isThere = await checkSession();
  if (session.value === null) return;
  if (isThere) follow();
  else lost();
}
