import type { Cancel, Clock } from "../base/clock.ts";
import type { Viewer } from "./route.ts";

/** Streams that are open at once unless the configuration says otherwise (`web.event_streams`); more are answered 503. */
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

/** What different viewers are told of one fact. */
export interface Versions {
  /** The name of what that viewer is told; null for one who is told nothing. */
  readonly of: (viewer: Viewer) => string | null;
  /** The data of a version; asked once a version. */
  readonly data: (version: string) => unknown;
}

const ADMINISTRATOR: Viewer = { kind: "administrator" };

interface Stream {
  readonly sink: EventSink;
  readonly viewer: Viewer;
  /** False when its reader may read no more. */
  readonly isStill: () => boolean;
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
  readonly #snapshot: (viewer: Viewer) => unknown;
  readonly #max: number;
  readonly #streams = new Set<Stream>();
  #tick: Cancel | null = null;
  /** Streams that were closed because their readers did not read. */
  closedSlow = 0;

  constructor(deps: { readonly clock: Clock; readonly snapshot: (viewer: Viewer) => unknown; readonly max?: number }) {
    this.#clock = deps.clock;
    this.#max = deps.max ?? streamsMax;
    this.#snapshot = deps.snapshot;
  }

  /** How many are open. */
  get count(): number {
    return this.#streams.size;
  }

  /** False when there are as many as may be. */
  get hasRoom(): boolean {
    return this.#streams.size < this.#max;
  }

  /** Starts a stream with the snapshot. `isStill` turns false when its reader may read no more. */
  open(sink: EventSink, viewer: Viewer = ADMINISTRATOR, isStill: () => boolean = () => true): void {
    const stream: Stream = { sink, viewer, isStill, isBehind: false, missed: 0, pending: new Map() };
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
    this.#write(stream, `retry: 2000\n\n${formatEvent("snapshot", this.#snapshot(viewer))}`);
  }

  /** Tells everyone a fact; `key` names it among those of its event. */
  publish(event: string, key: string, data: unknown): void {
    this.publishVersions(event, key, { of: () => "", data: () => data });
  }

  /** Tells a fact of which not everyone is told the same. */
  publishVersions(event: string, key: string, { of, data }: Versions): void {
    const texts = new Map<string, string>();
    for (const stream of this.#streams) {
      const version = of(stream.viewer);
      if (version === null) continue;
      let text = texts.get(version);
      if (text === undefined) texts.set(version, (text = formatEvent(event, data(version))));
      this.#tell(stream, `${event} ${key}`, text);
    }
  }

  /** Everything is different: a new snapshot for all. */
  publishSnapshot(): void {
    const forAdministrators = [...this.#streams].some(({ viewer }) => viewer.kind === "administrator") ? formatEvent("snapshot", this.#snapshot(ADMINISTRATOR)) : "";
    for (const stream of [...this.#streams]) {
      if (!stream.isStill()) stream.sink.close();
      else this.#tell(stream, "snapshot ", stream.viewer.kind === "administrator" ? forAdministrators : formatEvent("snapshot", this.#snapshot(stream.viewer)));
    }
  }

  /** Ends the streams of those who may read no more. */
  closeEnded(): void {
    for (const stream of [...this.#streams]) if (!stream.isStill()) stream.sink.close();
  }

  /** Ends all. */
  close(): void {
    for (const stream of [...this.#streams]) stream.sink.close();
  }

  #write(stream: Stream, text: string): void {
    if (!stream.sink.write(text)) stream.isBehind = true;
  }

  #tell(stream: Stream, key: string, text: string): void {
    if (stream.isBehind) this.#wait(stream, key, text);
    else this.#write(stream, text);
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
      if (!stream.isStill()) stream.sink.close();
      else if (!stream.isBehind) this.#write(stream, ALIVE);
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
