import { aorOf } from "../../src/base/ids.ts";
import { renderDialogInfo, type DialogView } from "../../src/documents/dialog-info.ts";
import { parsePidf, renderPidf } from "../../src/documents/pidf.ts";
import { merge } from "../../src/presence/merge.ts";
import type { SourceReport } from "../../src/presence/report.ts";
import { keep, type MicroCase } from "./measure.ts";

const bob = aorOf("2102", "tel.example.test");
const noon = Date.UTC(2026, 10, 20, 12);
const settings: Parameters<typeof merge>[3] = { primarySource: "calendar", early: "ringing", basicFrom: "reachability" };
const base = { presentity: bob, activities: [], publishedAt: noon - 60_000 };
const reports: readonly SourceReport[] = [
  { ...base, source: "registration", kind: "registration", key: "binding-1", basic: "open" },
  { ...base, source: "publish", kind: "publish", key: "etag-1", basic: "open", note: "Away", activities: [{ name: "away" }], until: noon + 3_600_000 },
  { ...base, source: "calendar", kind: "calendar", key: "exchange", activities: [{ name: "meeting", from: noon, until: noon + 3_600_000 }], until: noon + 3_600_000 },
  { ...base, source: "dialog", kind: "confirmed", key: "dialog-1", activities: [{ name: "on-the-phone" }] },
];

function view(id: number): DialogView {
  return {
    id: `d${id}`,
    callId: `0_186341872${id}@192.0.2.9`,
    localTag: "8827364",
    remoteTag: "1427498204",
    direction: "recipient",
    state: "early",
    local: { uri: "sip:2102@tel.example.test", target: "sip:2102@192.0.2.10:5060" },
    remote: { uri: "sip:2101@tel.example.test", display: "Ann Example", target: "sip:2101@192.0.2.9:5062" },
  };
}

/** Merging and rendering. */
export function documentCases(): readonly MicroCase[] {
  const { document } = merge(bob, reports, noon, settings);
  const published = renderPidf(document, bob);
  const one = [view(1)];
  const each = (name: string, once: (turn: number) => unknown): MicroCase => ({
    name,
    run: (times) => {
      for (let turn = 0; turn < times; turn++) keep(once(turn));
    },
  });
  return [
    each("merge of four reports", (turn) => merge(bob, reports, noon + (turn & 1023), settings)),
    each("render a PIDF document", (turn) => renderPidf({ ...document, since: noon + (turn & 1023) }, bob)),
    each("read a PIDF document", () => parsePidf(published)),
    each("render dialog-info with one call", (turn) => renderDialogInfo({ entity: bob, version: turn, state: "full", dialogs: one })),
  ];
}
