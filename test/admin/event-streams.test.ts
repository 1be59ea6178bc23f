import { describe, expect, test } from "vitest";
import { EventStreams, keepAliveMs, pendingMax, streamsMax, type EventSink } from "../../src/admin/event-streams.ts";
import { FakeClock } from "../sim/fake-clock.ts";

class FakeSink implements EventSink {
  text = "";
  isClosed = false;
  /** False: takes a text, but says that it is behind. */
  reads = true;
  #drain: (() => void)[] = [];
  #close: (() => void)[] = [];

  write(text: string): boolean {
    this.text += text;
    return this.reads;
  }
  onDrain(run: () => void): void {
    this.#drain.push(run);
  }
  onClose(run: () => void): void {
    this.#close.push(run);
  }
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const run of this.#close) run();
  }
  drain(): void {
    this.reads = true;
    for (const run of this.#drain) run();
  }
  /** What came since the last time. */
  take(): string {
    const { text } = this;
    this.text = "";
    return text;
  }
}

function opened(): { clock: FakeClock; streams: EventStreams; sink: FakeSink } {
  const clock = new FakeClock();
  const streams = new EventStreams({ clock, snapshot: () => ({ all: 1 }) });
  const sink = new FakeSink();
  streams.open(sink);
  return { clock, streams, sink };
}

describe("a stream", () => {
  test("begins with the snapshot and goes on with events, each one line of JSON", () => {
    const { streams, sink } = opened();
    expect(sink.take()).toBe('retry: 2000\n\nevent: snapshot\ndata: {"all":1}\n\n');
    streams.publish("lamp", "a", { note: "two\nlines\u2028" });
    expect(sink.take()).toBe('event: lamp\ndata: {"note":"two\\nlines\u2028"}\n\n');
    streams.publishSnapshot();
    expect(sink.take()).toContain("event: snapshot\n");
  });

  test("gets a comment every 20 s, and the timer ends with the last stream", () => {
    const { clock, sink } = opened();
    sink.take();
    clock.advance(keepAliveMs * 3);
    expect(sink.take().match(/^: /gm)).toHaveLength(3);
    sink.close();
    clock.advance(keepAliveMs);
    expect(clock.nextAtMs).toBeNull();
  });

  test("is counted, and there are no more than the bound", () => {
    const { streams, sink } = opened();
    for (let n = 1; n < streamsMax; n++) {
      expect(streams.hasRoom).toBe(true);
      streams.open(new FakeSink());
    }
    expect(streams.count).toBe(streamsMax);
    expect(streams.hasRoom).toBe(false);
    sink.close();
    expect(streams.hasRoom).toBe(true);
    streams.close();
    expect(streams.count).toBe(0);
  });
});

describe("a slow reader", () => {
  test("gets of each fact the newest alone, in order, once he reads again", () => {
    const { streams, sink } = opened();
    sink.reads = false;
    streams.publish("lamp", "a", 1);
    sink.take();
    for (const [key, value] of [["a", 2], ["b", 3], ["a", 4], ["c", 5]] as const) streams.publish("lamp", key, value);
    streams.publish("presence", "a", 6);
    expect(sink.take()).toBe("");
    sink.drain();
    expect(sink.take().match(/\d/g)).toEqual(["3", "4", "5", "6"]);
    streams.publish("lamp", "a", 7);
    expect(sink.take()).toContain("7");
  });

  test("who falls behind again while he catches up keeps the rest", () => {
    const { streams, sink } = opened();
    sink.reads = false;
    for (let n = 0; n < 5; n++) streams.publish("lamp", String(n), n);
    sink.take();
    // The drain runs, and the first write of it already finds him behind.
    const drain = sink.drain.bind(sink);
    sink.drain = () => {
      drain();
    };
    let writes = 0;
    const write = sink.write.bind(sink);
    sink.write = (text) => {
      write(text);
      return ++writes % 2 === 0;
    };
    sink.drain();
    expect(sink.take()).toContain("data: 1");
    sink.drain();
    sink.drain();
    expect(sink.take().match(/data: \d/g)).toEqual(["data: 2", "data: 3", "data: 4"]);
  });

  test("holds up nobody else, and is closed when he has read nothing for two keep-alives", () => {
    const { clock, streams, sink } = opened();
    const quick = new FakeSink();
    streams.open(quick);
    sink.reads = false;
    streams.publish("lamp", "a", 1);
    streams.publish("lamp", "a", 2);
    expect(quick.text).toContain("data: 2");
    clock.advance(keepAliveMs);
    expect(sink.isClosed).toBe(false);
    clock.advance(keepAliveMs);
    expect(sink.isClosed).toBe(true);
    expect(quick.isClosed).toBe(false);
    expect(streams.closedSlow).toBe(1);
  });

  test("is closed when too many facts wait for him", () => {
    const { streams, sink } = opened();
    sink.reads = false;
    streams.publish("lamp", "first", 0);
    for (let n = 0; n < pendingMax; n++) streams.publish("lamp", String(n), n);
    expect(sink.isClosed).toBe(false);
    streams.publish("lamp", "one more", 0);
    expect(sink.isClosed).toBe(true);
    expect(streams.count).toBe(0);
  });
});
