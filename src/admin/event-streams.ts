import type { Cancel, Clock } from "../base/clock.ts";

/** Streams that are open at once; more are answered 503. */
export const streamsMax = 200;
/** Facts that wait for a reader who does not read; only the newest of each is kept. At the bound his stream is closed. */
export const pendingMax = 10_000;
/** How often a comment is sent, so that nothing between takes the stream for dead. A reader who has read nothing for that long twice is closed. */
export const keepAliveMs = 20_000;

/** The reader's end of a stream. */
export interface EventSink {
  /** Takes a text; false when the reader is behind: nothing more until `onDrain`. */
  write(text: string): boolean;
  onDrain(run: () => void): void;
  /** Runs `run` once, when the stream has ended, whoever ended it. */
  onClose(run: () => void): void;
  /** Ends it at once. */
  close(): void;
}

interface Stream {
  readonly sink: EventSink;
  /** True from a refused write until the reader has caught up. */
  isBehind: boolean;
  /** Keep-alives that fell due while it was behind. */
  missed: number;
  /** The newest event of each fact, in order. */
  readonly pending: Map<string, string>;
}

/** All open streams of server-sent events. What is told are facts, newest wins: a slow reader misses what has been overtaken, and
 *  one who does not read at all is closed; he comes back and gets a new snapshot. */
export class EventStreams {
  readonly #clock: Clock;
  readonly #snapshot: () => unknown;
  readonly #streams = new Set<Stream>();
  #tick: Cancel | null = null;
  /** Streams that were closed because their readers did not read. */
  closedSlow = 0;

  constructor(deps: { readonly clock: Clock; readonly snapshot: () => unknown }) {
    this.#clock = deps.clock;
    this.#snapshot = deps.snapshot;
  }

  /** How many are open. */
  get count(): number {
    return this.#streams.size;
  }

  /** False when there are as many as may be. */
  get hasRoom(): boolean {
    return this.#streams.size < streamsMax;
  }

  /** Starts a stream with the snapshot. */
  open(sink: EventSink): void {
    const stream: Stream = { sink, isBehind: false, missed: 0, pending: new Map() };
    this.#streams.add(stream);
    sink.onDrain(() => {
      this.#drained(stream);
    });
    sink.onClose(() => {
      this.#streams.delete(stream);
      if (this.#streams.size > 0) return;
      this.#tick?.();
      this.#tick = null;
    });
    this.#tick ??= this.#clock.after(keepAliveMs, () => {
      this.#keepAlive();
    });
    this.#write(stream, `retry: 2000\n\n${formatEvent("snapshot", this.#snapshot())}`);
  }

  /** Tells everyone a fact; `key` names it among those of its event. */
  publish(event: string, key: string, data: unknown): void {
    if (this.#streams.size === 0) return;
    const text = formatEvent(event, data);
    for (const stream of this.#streams) {
      if (stream.isBehind) this.#wait(stream, `${event} ${key}`, text);
      else this.#write(stream, text);
    }
  }

  /** Everything is different: a new snapshot for all. */
  publishSnapshot(): void {
    if (this.#streams.size > 0) this.publish("snapshot", "", this.#snapshot());
  }

  /** Ends all. */
  close(): void {
    for (const stream of [...this.#streams]) stream.sink.close();
  }

  #write(stream: Stream, text: string): void {
    if (!stream.sink.write(text)) stream.isBehind = true;
  }

  #wait(stream: Stream, key: string, text: string): void {
    stream.pending.delete(key);
    stream.pending.set(key, text);
    if (stream.pending.size > pendingMax) this.#closeSlow(stream);
  }

  #drained(stream: Stream): void {
    stream.isBehind = false;
    stream.missed = 0;
    for (const [key, text] of stream.pending) {
      stream.pending.delete(key);
      this.#write(stream, text);
      if (stream.isBehind) return;
    }
  }

  #keepAlive(): void {
    for (const stream of [...this.#streams]) {
      if (!stream.isBehind) this.#write(stream, ALIVE);
      else if (++stream.missed >= 2) this.#closeSlow(stream);
    }
    this.#tick =
      this.#streams.size === 0
        ? null
        : this.#clock.after(keepAliveMs, () => {
            this.#keepAlive();
          });
  }

  #closeSlow(stream: Stream): void {
    this.closedSlow++;
    stream.pending.clear();
    stream.sink.close();
  }
}

/** A comment for whatever stands between, and an event for the page, which never sees comments. */
const ALIVE = ": still here\nevent: alive\ndata: {}\n\n";

/** One event; JSON has no line ends, so it is one line of data. */
function formatEvent(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
