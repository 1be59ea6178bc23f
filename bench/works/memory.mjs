// Memory of a registered contact and of a subscription: PSS of the server's process tree before and after, idle both times; file-backed pages apart.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { load } from "../rig/generator.mjs";
import { openHeap } from "../rig/heap.mjs";
import { startKamailio } from "../rig/kamailio.mjs";
import { startLamplight } from "../rig/lamplight.mjs";
import { memoryOf, settle } from "../rig/process-tree.mjs";
import { shown, textTable } from "../rig/text-table.mjs";

const CONTACTS = 100_000;
const SUBSCRIPTIONS = 50_000;
/** What a finished transaction keeps is gone after 32 seconds (RFC 3261 §17: 64 times T1). */
const TRANSACTIONS_GONE_MS = 35_000;
const THINGS = [
  { name: "contact", count: CONTACTS, args: ["-m", "register", "-n", CONTACTS, "-1", "-w", 64], peer: [] },
  { name: "subscription", count: SUBSCRIPTIONS, args: ["-m", "subscribe", "-n", SUBSCRIPTIONS / 10, "-W", 10, "-w", 64], peer: ["WITH_PRESENCE"] },
];

/** Rows for `memoryText`: KB a thing. `collected` is after a full garbage collection, which the server itself would do at leisure. */
export async function measureMemory(setting) {
  const rows = [];
  for (const thing of THINGS) {
    setting.note(`memory a ${thing.name} …`);
    const ours = await grown(thing, setting, () => startLamplight({ main: setting.main, folder: join(setting.folder, "lamplight"), users: CONTACTS }));
    // Not PREFAULT: pages of its shared memory count when they are touched.
    const theirs = setting.hasPeer ? await grown(thing, setting, () => startKamailio({ folder: join(setting.folder, "kamailio"), defines: thing.peer })) : null;
    rows.push({ name: thing.name, count: thing.count, ours, theirs });
    setting.note(` ${shown(ours?.anonymousKb, 2)} KB\n`);
  }
  return rows;
}

async function grown(thing, setting, start) {
  let server;
  try {
    server = await start();
    const heap = server.logPath === undefined ? null : await openHeap(server);
    const look = async () => {
      const isSettled = await settle(server.pid);
      const standing = memoryOf(server.pid);
      if (heap === null) return { isSettled, standing };
      await heap.collect();
      await settle(server.pid, 10);
      const usage = await heap.usage();
      return { isSettled, standing, collected: memoryOf(server.pid), heapKb: usage.heapUsed / 1024, buffersKb: usage.arrayBuffers / 1024 };
    };
    // First the same traffic with Expires: 0, of which nothing stays: pools and free lists that transactions need once are no part of a contact.
    await load(setting.folder, server, [...thing.args, "-e", 0]);
    await sleep(TRANSACTIONS_GONE_MS);
    const before = await look();
    const run = await load(setting.folder, server, thing.args);
    await sleep(TRANSACTIONS_GONE_MS);
    const after = await look();
    heap?.close();
    const each = (read) => (read(after) - read(before)) / thing.count;
    // The collection of `before` makes room that the work then fills; the standing figure counts from what was standing.
    return {
      ok: run?.ok ?? 0,
      isSettled: before.isSettled && after.isSettled,
      anonymousKb: (after.standing.anonymousKb - (before.collected ?? before.standing).anonymousKb) / thing.count,
      fileKb: each((look_) => look_.standing.fileKb),
      ...(heap === null ? {} : { collectedKb: each((look_) => look_.collected.anonymousKb), heapKb: each((look_) => look_.heapKb), buffersKb: each((look_) => look_.buffersKb) }),
      totalMb: after.standing.pssKb / 1024,
      emptyMb: (before.collected ?? before.standing).pssKb / 1024,
    };
  } catch (error) {
    setting.note(` ${String(error)} `);
    return null;
  } finally {
    await server?.stop();
  }
}

/** The rows as Markdown. */
export function memoryText(rows) {
  const head = ["memory, KB each", "number", "PSS as it stands", "file-backed apart", "PSS after a collection", "heap", "buffers", "kamailio's PSS", "file-backed apart", "whole server MB, empty → full"];
  return textTable([
    head,
    ...rows.map(({ name, count, ours, theirs }) => [
      `a ${name}`,
      ours !== null && ours.ok < count ? `${ours.ok} of ${count} !` : String(count),
      `${shown(ours?.anonymousKb, 2)}${ours?.isSettled === false ? " (not at rest)" : ""}`,
      shown(ours?.fileKb, 2),
      shown(ours?.collectedKb, 2),
      shown(ours?.heapKb, 2),
      shown(ours?.buffersKb, 2),
      shown(theirs?.anonymousKb, 2),
      shown(theirs?.fileKb, 2),
      `${shown(ours?.emptyMb, 0)} → ${shown(ours?.totalMb, 0)}`,
    ]),
  ]);
}
