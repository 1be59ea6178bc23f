import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UnavailableError } from "../../src/base/errors.ts";
import { recordFiles, SEGMENTS } from "../../src/presence/record-files.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lamplight-record-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function textOf(disk: ReturnType<typeof recordFiles>, id: number): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of disk.read(id)) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

const line = (n: number): string => `{"n":${n},"x":"${"x".repeat(100)}"}\n`;

test("a ring: it never takes more than it may, the newest stay, each segment begins with its head", async () => {
  const disk = recordFiles({ folder, bytesMax: SEGMENTS * 1000 });
  for (let n = 0; n < 400; n++) await disk.append(line(n), 1000 + n, () => "head\n");
  const segments = disk.segments();
  expect(segments).toHaveLength(SEGMENTS);
  expect(disk.isFull).toBe(true);
  expect(readdirSync(folder)).toHaveLength(SEGMENTS);
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  expect(bytes).toBeLessThan(SEGMENTS * (1000 + 200));
  const last = segments.at(-1);
  expect(await textOf(disk, last?.id ?? 0)).toMatch(/^head\n[^]*"n":399,/);
  for (const { id, startMs } of segments) expect(await textOf(disk, id)).toContain(`"n":${startMs - 1000},`);
  expect(await textOf(disk, 1), "what has gone reads as nothing").toBe("");
  await disk.close();
});

test("a new process begins a new segment and keeps the others, whatever their ends look like", async () => {
  const disk = recordFiles({ folder, bytesMax: 1_000_000 });
  await disk.append(line(1), 1000, () => "head\n");
  await disk.close();
  const [name = ""] = readdirSync(folder);
  appendFileSync(join(folder, name), '{"torn":');
  writeFileSync(join(folder, "notes.txt"), "of somebody else");
  const next = recordFiles({ folder, bytesMax: 1_000_000 });
  await next.append(line(2), 500, () => "head\n");
  expect(next.segments().map(({ startMs }) => startMs), "a clock that went back keeps the order").toEqual([1000, 1000]);
  expect(await textOf(next, 2)).toContain('"n":2');
  await next.close();
});

test("a folder that cannot be is UnavailableError; a disk that fails too, and later writes work again", async () => {
  writeFileSync(join(folder, "file"), "");
  expect(() => recordFiles({ folder: join(folder, "file"), bytesMax: 1000 })).toThrow(UnavailableError);
  const inner = join(folder, "inner");
  const disk = recordFiles({ folder: inner, bytesMax: SEGMENTS });
  rmSync(inner, { recursive: true });
  await expect(disk.append("a\n", 1, () => "")).rejects.toThrow(UnavailableError);
  recordFiles({ folder: inner, bytesMax: SEGMENTS });
  await disk.append("b\n", 2, () => "");
  expect(await textOf(disk, disk.segments().at(-1)?.id ?? 0)).toBe("b\n");
  await disk.close();
});
