import { describe, expect, test } from "vitest";
import type { MessageSummary } from "../../src/documents/message-summary.ts";
import { mailboxTable, type MailboxTable } from "../../src/mailbox/mailbox-table.ts";
import { messageSummaryPackage } from "../../src/mailbox/message-summary-package.ts";
import { STANDARD } from "../../src/phones/built-in.ts";
import type { Watching } from "../../src/subscription/event-package.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { aor, MemoryStore } from "../subscription/rig.ts";

const ALICE = aor("101");
const voice = (fresh: number): MessageSummary => ({ isWaiting: fresh > 0, account: "", counts: new Map([["voice-message", { fresh, old: 0, urgentFresh: 0, urgentOld: 0 }]]) });

function made(store = new MemoryStore(), clock = new FakeClock()): { table: MailboxTable; told: string[]; store: MemoryStore; clock: FakeClock } {
  const table = mailboxTable({ clock, store });
  const told: string[] = [];
  table.onChange((who) => told.push(`${who} ${table.get(who)?.counts.get("voice-message")?.fresh ?? "-"}`));
  return { table, told, store, clock };
}

const watching: Watching = { resource: ALICE, entity: ALICE, watcher: ALICE, userAgent: "", profile: STANDARD, accept: [], variant: 0, standing: "allow" };

describe("a mailbox", () => {
  test("shows the newest statement, whoever made it; what says the same tells nobody", () => {
    const { table, told, clock } = made();
    table.published("p", ALICE, voice(1), clock.now());
    clock.advance(1000);
    table.set(ALICE, voice(2));
    table.set(ALICE, voice(2));
    // An older statement that is refreshed stays older.
    table.published("p", ALICE, voice(1), clock.now() - 1000);
    clock.advance(1000);
    table.published("p", ALICE, voice(3), clock.now());
    table.published("p", ALICE, null, 0);
    table.set(ALICE, null);
    expect(told.map((line) => line.split(" ")[1])).toEqual(["1", "2", "3", "2", "-"]);
    expect(table.get(ALICE)).toBeNull();
  });

  test("keeps what the API said through a restart, and drops what it cannot read", () => {
    const { table, store, clock } = made();
    table.set(ALICE, { ...voice(4), account: "sip:vm@d" });
    store.put("presence", "mailbox sip:102@tel.example.test", { isWaiting: "yes" });
    store.put("presence", "registration sip:101@tel.example.test", 7);
    const next = made(store, clock);
    next.table.restore();
    expect(next.table.get(ALICE)).toMatchObject({ isWaiting: true, account: "sip:vm@d", counts: voice(4).counts });
    expect(next.table.get(aor("102"))).toBeNull();
    expect(store.size("presence")).toBe(2);
    next.table.forget(ALICE);
    expect(store.size("presence")).toBe(1);
  });
});

describe("the event package", () => {
  test("gives all watchers of one state the same body, and another after a change", () => {
    const { table } = made();
    const pack = messageSummaryPackage(table);
    const first = pack.render(watching);
    expect(first.head).toBe("Messages-Waiting: no\r\nMessage-Account: sip:101@tel.example.test\r\n");
    expect(pack.render({ ...watching, watcher: aor("102") })).toBe(first);
    table.set(ALICE, voice(1));
    expect(pack.render(watching).head).toContain("Voice-Message: 1/0 (0/0)");
    expect(pack.render({ ...watching, entity: "sip:alice@192.0.2.1" }).head).toContain("Message-Account: sip:alice@192.0.2.1");
  });
});
