import { useSignal, type ReadonlySignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, type Outcome } from "../api.ts";

const EVERY_MS = 3000;

/** What a call answers, asked again every few seconds while the page is looked at; null before the first answer. An error leaves the last good answer standing beside it. */
export function useFresh<T>(path: string, everyMs = EVERY_MS): { readonly answer: ReadonlySignal<T | null>; readonly trouble: ReadonlySignal<string> } {
  const answer = useSignal<T | null>(null);
  const trouble = useSignal("");
  useEffect(() => {
    let isOver = false;
    let timer = 0;
    const round = async (): Promise<void> => {
      if (!document.hidden || answer.peek() === null) {
        const found: Outcome<T> = await ask<T>("GET", path);
        if (isOver) return;
        if (found.ok) answer.value = found.value;
        trouble.value = found.ok ? "" : found.message;
      }
      timer = window.setTimeout(() => void round(), everyMs);
    };
    void round();
    return () => {
      isOver = true;
      window.clearTimeout(timer);
    };
  }, [path, everyMs, answer, trouble]);
  return { answer, trouble };
}
