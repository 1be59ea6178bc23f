import { Worker } from "node:worker_threads";

/** The journal's thread takes a tenth of a second to start: it may do so while the store is still read. `Journal.open` must follow before the event loop goes on. */
export function startAhead(workerPath: string): Worker {
  const worker = new Worker(workerPath, { workerData: null, name: "journal" });
  // Where the store cannot be opened for another reason nobody else listens.
  worker.on("error", () => undefined);
  return worker;
}
