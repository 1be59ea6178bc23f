import { copyFileSync, openSync, closeSync, rmSync, statSync, writeSync } from "node:fs";
import { seededRandom } from "../../src/base/random.ts";
import { checkPages } from "../../src/store/page-check.ts";
import { StoreFile, type Change } from "../../src/store/store-file.ts";

// `node … FOLDER SEED ROUNDS`: writes noise over pages of a store's file, opens it as the server does, reads and writes everything. A crash is what the test looks for.
// With a WHERE it is about one round alone.
const [, , folder = "", seedText = "1", roundsText = "1"] = process.argv;
const first = Number(seedText);
const sound = `${folder}/sound.mdb`;
const path = `${folder}/store.mdb`;
const changesFrom = (random: ReturnType<typeof seededRandom>, count: number): Change[] =>
  Array.from({ length: count }, () => ({
    table: "bindings",
    key: "k".repeat(random.below(40)) + String(random.below(3000)),
    json: random.below(4) === 0 ? null : JSON.stringify("v".repeat(random.below(20) === 0 ? random.below(20_000) : random.below(500))),
    version: 1 + random.below(1000),
    node: "n",
  }));

const start = seededRandom(first);
const store = new StoreFile(sound);
store.begin({ name: "noise", applied: 0, version: 0 });
for (let turn = 0; turn < 8; turn++) store.apply(changesFrom(start, 400), { name: "noise", applied: turn, version: 1000 });
await store.close();

let refused = 0;
let taken = 0;
for (let seed = first; seed < first + Number(roundsText); seed++) {
  const random = seededRandom(seed);
  rmSync(path, { force: true });
  rmSync(`${path}-lock`, { force: true });
  copyFileSync(sound, path);
  const file = openSync(path, "r+");
  const pages = Math.floor(statSync(path).size / 4096);
  for (let n = 1 + random.below(3); n > 0; n--) {
    // The first pages and their heads more often than the rest.
    const page = random.below(4) === 0 ? random.below(4) : random.below(pages);
    const offset = random.below(2) === 0 ? random.below(64) : random.below(4096);
    const bytes = random.bytes(1 + random.below(random.below(2) === 0 ? 8 : 4096 - offset));
    writeSync(file, bytes, 0, bytes.length, page * 4096 + offset);
  }
  closeSync(file);
  let open: StoreFile | null = null;
  try {
    checkPages(path);
    open = new StoreFile(path);
    if (open.format() === null) throw new Error("no format");
    open.mark();
    open.walk(0, () => undefined);
    let size = 0;
    for (const { key } of open.records("bindings")) size += key.length;
    for (let turn = 0; turn < 3; turn++) open.apply(changesFrom(random, 300), { name: "noise", applied: size, version: 1000 });
    taken++;
  } catch {
    refused++;
  }
  await open?.close();
  process.stdout.write(`${String(seed)}\n`);
}
process.stdout.write(`refused ${String(refused)} taken ${String(taken)}\n`);
