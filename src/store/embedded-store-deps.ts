import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";

/** What the store needs. */
export interface EmbeddedStoreDeps {
  /** Made (for this user alone) when it is missing. */
  readonly folder: string;
  /** This server's name. */
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The bundle of `journal-worker.ts`, and the addon that `npm run build:native` makes; where there is none, null or a path of nothing, the worker writes the journal. */
  readonly programs: { readonly workerPath: string; readonly nativePath: string | null };
  /** `full`: an acknowledgement waits for the disk. */
  readonly durability: "fast" | "full";
  /** Called by `close` when the disk does not answer: a process that ends the ordinary way would wait for it. */
  readonly onStuck?: () => void;
  /** For tests. */
  readonly segmentBytes?: number;
}
