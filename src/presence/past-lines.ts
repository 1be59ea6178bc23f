import type { Aor } from "../base/ids.ts";
import type { RecordDisk } from "./record-disk.ts";
import { readLine, type HeadLine, type StateLine, type ToldLine } from "./record-line.ts";

/** A line that is longer is damage. */
const LINE_BYTES_MAX = 1024 * 1024;
const HEAD = Buffer.from('{"head":');

/** What a segment of the record says of one person, and the line that it begins with; in the order in which it was written. */
export async function* linesOf(disk: RecordDisk, segmentId: number, aor: Aor): AsyncIterable<StateLine | ToldLine | HeadLine> {
  for await (const text of linesWith(disk.read(segmentId), Buffer.from(JSON.stringify(aor)))) {
    const line = readLine(text);
    if (line !== null && (line.kind === "head" || line.aor === aor)) yield line;
  }
}

/** The lines that begin a segment or hold `needle`; all others are passed over without being made text. */
async function* linesWith(pieces: AsyncIterable<Buffer>, needle: Buffer): AsyncIterable<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const end = bytes.lastIndexOf(0x0a) + 1;
    if (end === 0 && bytes.length > LINE_BYTES_MAX) {
      rest = Buffer.alloc(0);
      continue;
    }
    if (bytes.subarray(0, HEAD.length).equals(HEAD)) yield bytes.toString("utf8", 0, bytes.indexOf(0x0a));
    for (let hit = bytes.indexOf(needle); hit !== -1 && hit < end; ) {
      const from = bytes.lastIndexOf(0x0a, hit) + 1;
      const to = bytes.indexOf(0x0a, hit);
      yield bytes.toString("utf8", from, to);
      hit = bytes.indexOf(needle, to);
    }
    rest = bytes.subarray(end);
  }
}
