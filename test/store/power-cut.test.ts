import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom, type Random } from "../../src/base/random.ts";
import { buildDisk, Disk } from "./disk.ts";
import { expectKept } from "./kept.ts";

const PAGE = 4096;
const disk = new Disk();
let canPreload = false;

beforeAll(async () => {
  canPreload = await buildDisk();
});
afterAll(() => {
  disk.end();
});

/** A file as the kernel has it, and what of it the disk is known to have. */
class RecordedFile {
  size = 0;
  readonly pages = new Map<number, Buffer>();
  syncedSize = -1;
  readonly synced = new Map<number, Buffer>();
  /** What a sync that has begun will have brought to the disk. */
  begun: { readonly size: number; readonly pages: ReadonlyMap<number, Buffer> } | null = null;

  /** What a power cut could leave: of each page what the disk is known to have, or something newer. Null when it may not even be there. */
  afterCut(random: Random): Buffer | null {
    if (this.syncedSize === -1 && random.below(3) === 0) return null;
    const size = this.syncedSize === this.size || random.below(2) === 0 ? this.size : Math.max(0, this.syncedSize);
    const bytes = Buffer.alloc(Math.ceil(size / PAGE) * PAGE);
    const newestShare = random.below(5);
    for (let page = 0; page * PAGE < size; page++) {
      const from = random.below(4) < newestShare ? this.pages : this.synced;
      from.get(page)?.copy(bytes, page * PAGE);
    }
    return bytes.subarray(0, size);
  }
}

/** Follows the shim's log; `onMoment` is called before every record with what was acknowledged so far. */
function follow(log: Buffer, onMoment: (acknowledged: number, files: ReadonlyMap<string, RecordedFile>) => void): void {
  const files = new Map<string, RecordedFile>();
  let acknowledged = 0;
  for (let at = 0; at + 5 <= log.length; ) {
    const type = String.fromCharCode(log[at] ?? 0);
    const body = log.subarray(at + 5, at + 5 + log.readUInt32LE(at + 1));
    at += 5 + body.length;
    if (type === "A") {
      acknowledged = body.readUInt32LE(0);
      continue;
    }
    const end = body.indexOf(0);
    const name = body.toString("latin1", 0, end);
    const file = files.get(name) ?? new RecordedFile();
    files.set(name, file);
    const number = (): number => body.readUInt32LE(end + 1);
    if (type === "P") file.pages.set(number(), Buffer.from(body.subarray(end + 5)));
    else if (type === "T") file.size = number();
    else if (type === "R") file.synced.set(number(), file.pages.get(number()) ?? Buffer.alloc(PAGE));
    else if (type === "B") {
      onMoment(acknowledged, files);
      file.begun = { size: file.size, pages: new Map(file.pages) };
    } else if (type === "E" && file.begun !== null) {
      onMoment(acknowledged, files);
      file.syncedSize = file.begun.size;
      for (const [page, bytes] of file.begun.pages) file.synced.set(page, bytes);
      file.begun = null;
    }
  }
}

test("whatever a power cut leaves opens without complaint and holds everything that was acknowledged as synced", { timeout: 120_000 }, async ({ skip }) => {
  skip(!canPreload, "there is no C compiler");
  const server = disk.server({ durability: "full", batch: 9, shim: "record" });
  await server.until(() => server.said.acknowledged >= 4000);
  await server.kill();
  const log = readFileSync(disk.log);
  let moments = 0;
  follow(log, () => moments++);
  expect(moments).toBeGreaterThan(300);

  const seed = 20_262;
  const random = seededRandom(seed);
  const chosen = new Set(Array.from({ length: 60 }, () => random.below(moments)));
  const states: { readonly moment: number; readonly acknowledged: number; readonly files: ReadonlyMap<string, Buffer | null> }[] = [];
  let moment = 0;
  follow(log, (acknowledged, files) => {
    if (chosen.has(moment)) for (let turn = 0; turn < 2; turn++) states.push({ moment, acknowledged, files: new Map([...files].map(([name, file]) => [name, file.afterCut(random)])) });
    moment++;
  });
  const folder = join(disk.top, "after");
  for (const { moment: at, acknowledged, files } of states) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    for (const [name, bytes] of files) if (bytes !== null) writeFileSync(join(folder, name), bytes);
    const what = `seed ${String(seed)} moment ${String(at)}`;
    const store = await disk.open(folder).catch((err: unknown) => {
      throw new Error(`${what}: ${String(err)}`, { cause: err });
    });
    expectKept(store, acknowledged, server.said.acknowledged + 40, what);
    await store.close();
  }
});
