import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { STALL_MS } from "../../src/store/store.ts";
import { buildDisk, Disk } from "./disk.ts";
import { expectKept } from "./kept.ts";

let canPreload = false;
let disk = new Disk();
beforeAll(async () => {
  canPreload = await buildDisk();
});
afterEach(() => {
  disk.end();
  disk = new Disk();
});

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const isAlarm = (lines: readonly string[], value: 0 | 1): boolean => lines.includes(`alarm ${String(value)}`);

/** An answer has to be there within 500 ms; a test's machine is busy. */
const ANSWER_MS_MAX = STALL_MS + 300;

describe("while the disk stalls", () => {
  test("answers go on at once with the alarm on, and a kill -9 costs nothing of what the journal had room for", async ({ skip }) => {
    skip(!canPreload, "there is no C compiler");
    const server = disk.server({ batch: 2, pauseMs: 5, shim: "control" });
    await server.until(() => server.said.acknowledged >= 50);
    await after(1200);
    disk.tell("stall");
    await server.until(() => isAlarm(server.lines, 1));
    const { acknowledged } = server.said;
    await server.until(() => server.said.acknowledged >= acknowledged + 100);
    expect(server.said.slowestMs).toBeLessThan(ANSWER_MS_MAX);
    disk.tell("work");
    await server.until(() => isAlarm(server.lines, 0));
    await server.kill();
    const store = await disk.open();
    expectKept(store, server.said.acknowledged, server.said.acknowledged + 10, "after a stall");
    await store.close();
  });

  test("for so long that the journal is full, changes wait in memory, and are kept once it works", async ({ skip }) => {
    skip(!canPreload, "there is no C compiler");
    const server = disk.server({ batch: 50, pauseMs: 1, shim: "control" });
    await server.until(() => server.said.acknowledged >= 100);
    disk.tell("stall");
    // Far more than eight segments hold.
    await server.until(() => server.said.acknowledged >= 20_000);
    expect(server.said.slowestMs).toBeLessThan(ANSWER_MS_MAX);
    disk.tell("work");
    await server.until(() => isAlarm(server.lines, 1) && isAlarm(server.lines, 0));
    await server.kill("SIGTERM");
    const store = await disk.open();
    expectKept(store, server.said.acknowledged, server.said.acknowledged + 100, "after a long stall");
    await store.close();
  });

  test("without the native journal an answer waits for at most the limit", async ({ skip }) => {
    skip(!canPreload, "there is no C compiler");
    const server = disk.server({ isNative: false, batch: 2, pauseMs: 5, shim: "control" });
    await server.until(() => server.said.acknowledged >= 50);
    disk.tell("stall");
    await server.until(() => isAlarm(server.lines, 1));
    const { acknowledged } = server.said;
    await server.until(() => server.said.acknowledged >= acknowledged + 20);
    expect(server.said.slowestMs).toBeLessThan(ANSWER_MS_MAX);
  });

  test("full durability refuses, first within the limit and then at once, until the disk answers", async ({ skip }) => {
    skip(!canPreload, "there is no C compiler");
    const server = disk.server({ durability: "full", batch: 2, pauseMs: 5, shim: "control" });
    await server.until(() => server.said.acknowledged >= 50);
    disk.tell("stall");
    await server.until(() => server.said.refused > 0);
    const { acknowledged, refused } = server.said;
    await server.until(() => server.said.refused >= refused + 20);
    expect(server.said.acknowledged).toBe(acknowledged);
    expect(server.said.slowestMs).toBeLessThan(ANSWER_MS_MAX);
    disk.tell("work");
    await server.until(() => server.said.acknowledged > acknowledged);
    await server.kill();
    const store = await disk.open();
    expectKept(store, server.said.acknowledged, server.said.acknowledged + 10, "after a stall");
    await store.close();
  });
});

describe("a full disk", () => {
  test("raises the alarm, ends nothing, and everything is kept when there is room again", async ({ skip }) => {
    skip(!canPreload, "there is no C compiler");
    const server = disk.server({ batch: 20, pauseMs: 1, shim: "control" });
    await server.until(() => server.said.acknowledged >= 100);
    disk.tell("full");
    await server.until(() => isAlarm(server.lines, 1));
    const { acknowledged } = server.said;
    await server.until(() => server.said.acknowledged >= acknowledged + 15_000);
    disk.tell("work");
    await server.until(() => isAlarm(server.lines, 0));
    await server.kill("SIGTERM");
    const store = await disk.open();
    expectKept(store, server.said.acknowledged, server.said.acknowledged + 40, "after a full disk");
    await store.close();
  });
});
