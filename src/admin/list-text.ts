import type { Clock } from "../base/clock.ts";

/** Items that are made and written in one go. */
const SLICE = 200;

/** A JSON array in pieces; between the pieces everything else gets its turn. */
export async function* listText(items: Iterable<unknown>, clock: Clock): AsyncGenerator<string> {
  let text = "[";
  let count = 0;
  for (const item of items) {
    text += (count === 0 ? "" : ",") + JSON.stringify(item);
    if (++count % SLICE !== 0) continue;
    yield text;
    text = "";
    await new Promise<void>((resolve) => {
      clock.after(0, resolve);
    });
  }
  yield `${text}]\n`;
}
