import { parentPort } from "node:worker_threads";
import { systemClock } from "../base/clock.ts";
import { systemRandom } from "../base/random.ts";
import type { HintAnswer, HintOrder } from "./ews-hints.ts";
import { ewsStream } from "./ews-stream.ts";
import { webFailure } from "./web-failure.ts";

// The thread in which Exchange's notifications are listened to: what ews-javascript-api does wrong ends here.

const running = new Map<number, AbortController>();
const random = systemRandom();

function answer(message: HintAnswer): void {
  parentPort?.postMessage(message);
}

parentPort?.on("message", (order: HintOrder) => {
  const { stream } = order;
  if (order.kind === "close") {
    running.get(stream)?.abort();
    answer({ kind: "heard" });
    return;
  }
  const ended = new AbortController();
  running.set(stream, ended);
  const { access, mailboxes, minutes } = order;
  const hear = (word: Extract<HintAnswer, { stream: number }>["word"]): void => {
    if (!ended.signal.aborted) answer({ kind: "word", stream, word });
  };
  ewsStream({ access, mailboxes, minutes, clock: systemClock, random, hear, signal: ended.signal })
    .catch(() => webFailure("unreadable", "listening failed by our own mistake"))
    .then(
      (failure) => {
        hear({ kind: "ended", failure });
        running.delete(stream);
      },
      () => undefined,
    );
});
