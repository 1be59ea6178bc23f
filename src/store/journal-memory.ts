import { crc32 } from "node:zlib";
import { HEADER_BYTES, WORD, type Append } from "./journal-layout.ts";

/** Bytes that an appender leaves free at the end of a segment. */
const SLACK = 8;

/** What the addon's `appender` does, in JavaScript, on memory of ours: slots are places in `segments`. */
export function memoryAppender(words: Float64Array, segments: readonly SharedArrayBuffer[]): Append {
  const buffers = segments.map((memory) => Buffer.from(memory));
  return (key, text) => {
    const buffer = buffers[words[WORD.slot] ?? -1];
    const offset = words[WORD.offset] ?? 0;
    if (buffer === undefined) return 0;
    const keyLength = Buffer.byteLength(key);
    const length = keyLength + Buffer.byteLength(text);
    if (offset + HEADER_BYTES + length + SLACK >= buffer.length) return 0;
    buffer.writeUInt32LE(length, offset + 4);
    buffer.writeDoubleLE(words[WORD.sequence] ?? 0, offset + 8);
    buffer.writeDoubleLE(words[WORD.version] ?? 0, offset + 16);
    buffer.writeDoubleLE(words[WORD.synced] ?? 0, offset + 24);
    buffer.writeUInt32LE(words[WORD.generation] ?? 0, offset + 32);
    buffer.writeUInt16LE(keyLength, offset + 36);
    buffer.writeUInt8(words[WORD.table] ?? 0, offset + 38);
    buffer.writeUInt8(words[WORD.kind] ?? 0, offset + 39);
    buffer.write(key, offset + HEADER_BYTES);
    buffer.write(text, offset + HEADER_BYTES + keyLength);
    buffer.writeUInt32LE(crc32(buffer.subarray(offset + 4, offset + HEADER_BYTES + length)), offset);
    return offset + Math.ceil((HEADER_BYTES + length) / 8) * 8;
  };
}
