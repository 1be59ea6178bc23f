import { describe, expect, test } from "vitest";
import { WINDOW_MS, WINDOW_SIZE } from "../../src/subscription/notify-window.ts";
import { Rig, aor } from "./rig.ts";

const MANY = 3 * WINDOW_SIZE;

/** More subscriptions than may wait for an answer at once; each watches a person of its own. */
function crowd(count = MANY): Rig {
  const rig = new Rig();
  for (let at = 0; at < count; at++) rig.subscribe(String(1000 + at), String(201 + (at % 7)));
  return rig;
}

describe("a flood of NOTIFYs", () => {
  test("leaves no faster than it is answered: the rest waits, and nobody is told twice", () => {
    const rig = crowd();
    expect(rig.agent.sent).toHaveLength(WINDOW_SIZE);
    for (let at = 0; at < MANY; at++) rig.agent.sent[at]?.answer(200);
    expect(rig.agent.sent).toHaveLength(MANY);
    expect(new Set(rig.agent.sent.map((sent) => sent.dialog.localTag)).size).toBe(MANY);
    rig.clock.advance(60_000);
    expect(rig.agent.sent).toHaveLength(MANY);
  });

  test("who waits is sent the newest state, once, in the order of waiting", () => {
    const rig = crowd(WINDOW_SIZE + 3);
    const last = WINDOW_SIZE + 2;
    rig.presence.set(aor(String(1000 + last)), "early");
    rig.presence.set(aor(String(1000 + last)), "busy");
    for (let at = 0; at < 3; at++) rig.agent.sent[at]?.answer(200);
    expect(rig.agent.sent.slice(WINDOW_SIZE).map((sent) => sent.body)).toEqual(["state=none", "state=none", "state=busy"]);
  });

  test("silent watchers hold the others up no longer than it takes until they are sent to again", () => {
    const rig = crowd();
    rig.clock.advance(2 * WINDOW_MS);
    expect(rig.agent.sent.length).toBeGreaterThanOrEqual(2 * WINDOW_SIZE);
    rig.clock.advance(2 * WINDOW_MS);
    expect(rig.agent.sent).toHaveLength(MANY);
  });

  test("an ended subscription does not wait any more, and its place is free", () => {
    const rig = crowd(WINDOW_SIZE);
    const watch = rig.subscribe("101", "202");
    expect(rig.agent.sent).toHaveLength(WINDOW_SIZE);
    watch.again(["Expires: 0"]);
    expect(rig.agent.last.state).toContain("terminated");
    const after = rig.agent.sent.length;
    for (const sent of rig.agent.open) sent.answer(200);
    rig.clock.advance(60_000);
    expect(rig.agent.sent).toHaveLength(after);
  });

  test("a lamp among few others never waits", () => {
    const rig = crowd(WINDOW_SIZE - 1);
    rig.subscribe("101", "202", "dialog");
    expect(rig.agent.sent).toHaveLength(WINDOW_SIZE);
  });
});
