import type { Aor } from "../base/ids.ts";
import { BodyFields } from "./body-fields.ts";
import type { MergeSettings } from "./merge-settings.ts";
import { merge, nextChange } from "./merge.ts";
import { isoTime } from "./moment.ts";
import { ACTIVITIES_MAX, NOTE_LENGTH_MAX } from "./publication.ts";
import type { SourceReport } from "./report.ts";
import { explain, presenceAnswer, settingsAnswer, type PresenceAnswer, type SettingsAnswer, type WhyAnswer } from "./why.ts";

/** A made-up situation. */
export interface Simulation {
  readonly aor: Aor;
  readonly reports: readonly SourceReport[];
  /** ms since 1970. */
  readonly at: number;
  readonly settings: MergeSettings;
}

/** What would be so (`POST /api/presence/simulate`). */
export interface SimulationAnswer {
  readonly at: string | null;
  readonly document: PresenceAnswer;
  readonly why: WhyAnswer;
  /** Where a call would go; null until forwarding exists. */
  readonly routing: null;
  /** The settings that were used: the configuration's, unless the situation says otherwise. */
  readonly settings: SettingsAnswer;
}

/** What a simulation is read with: whom it is about unless it says so, and now, and the configuration's settings. */
export interface SimulationFrame {
  readonly aor: Aor;
  readonly aorOf: (text: string) => Aor | null;
  readonly now: number;
  readonly settings: MergeSettings;
}

/** Inputs that one simulation may have. */
const INPUTS_MAX = 200;
const SOURCES = ["dialog", "override", "do-not-disturb", "calendar", "publish", "api", "registration"] as const;
/** As `why` answers them, so that its answer can be changed and handed in; what the merge finds out is not looked at. */
const INPUT_KEYS = ["source", "kind", "key", "basic", "activities", "note", "since", "from", "until", "on_hold", "silence", "until_boundary", "rank", "won", "reason"];

/** Reads `{ inputs, at?, settings?, aor? }`, or says everything that is wrong with it. Times without a word are now. */
export function readSimulation(body: unknown, frame: SimulationFrame): Simulation | { readonly mistakes: readonly string[] } {
  const fields = new BodyFields(body, ["inputs", "at", "settings", "aor", "document", "why", "routing", "watchers", "next_change_at", "recorded"]);
  const { mistakes } = fields;
  const at = fields.time("at") ?? frame.now;
  const named = fields.text("aor", 512);
  const aor = named === undefined ? frame.aor : frame.aorOf(named);
  if (aor === null) mistakes.push(`"aor": nobody here is called ${JSON.stringify(named)}`);
  const list = fields.value("inputs") ?? [];
  if (!Array.isArray(list)) mistakes.push('"inputs": write a list such as [{ "source": "calendar", "activities": ["meeting"] }]');
  else if (list.length > INPUTS_MAX) mistakes.push(`"inputs": write at most ${String(INPUTS_MAX)}`);
  const reports = (Array.isArray(list) ? list.slice(0, INPUTS_MAX) : []).map((input: unknown, index) => readInput(input, index, aor ?? frame.aor, at, mistakes));
  const names = reports.map(({ source, key }) => `${source} ${key}`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) mistakes.push(`"inputs": two of one source have the same key (${twice}); the later would replace the earlier`);
  const settings = readSettings(fields.value("settings"), frame.settings, mistakes);
  if (aor === null || mistakes.length > 0) return { mistakes };
  return { aor, reports, at, settings };
}

/** The same pure function that makes everyone's state, on what was made up; nothing changes. */
export function simulate({ aor, reports, at, settings }: Simulation): SimulationAnswer {
  const result = merge(aor, reports, at, settings);
  return {
    at: isoTime(at),
    document: presenceAnswer(result.document),
    why: explain(result, { at, settings, watchers: [], nextChangeAt: nextChange(reports, at) }),
    routing: null,
    settings: settingsAnswer(settings),
  };
}

function readInput(input: unknown, index: number, presentity: Aor, at: number, mistakes: string[]): SourceReport {
  const fields = new BodyFields(input, INPUT_KEYS, `inputs[${String(index)}].`, mistakes);
  const source = fields.word("source", SOURCES);
  if (source === undefined && !fields.has("source")) mistakes.push(`inputs[${String(index)}]: "source" is missing; write ${SOURCES.join(", ")}`);
  const of = source ?? "registration";
  const kind = of === "dialog" ? (fields.word("kind", ["early", "confirmed"]) ?? "confirmed") : (fields.word("kind", [of]) ?? of);
  const activities = fields.activities("activities", ACTIVITIES_MAX) ?? (of === "dialog" ? [{ name: "on-the-phone" as const }] : []);
  const [basic, note, silence] = [fields.word("basic", ["open", "closed"]) ?? (of === "registration" ? "open" : undefined), fields.text("note", NOTE_LENGTH_MAX), fields.text("silence", NOTE_LENGTH_MAX)];
  const [since, from, until] = [fields.time("since"), fields.time("from"), fields.time("until")];
  const isUntilBoundary = fields.flag("until_boundary") ?? of === "override";
  return {
    source: of,
    presentity,
    key: fields.text("key", 200) ?? String(index),
    kind,
    ...(basic === undefined ? {} : { basic }),
    activities,
    ...(note === undefined ? {} : { note }),
    publishedAt: since ?? from ?? at,
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
    ...(silence === undefined ? {} : { silence }),
    ...(fields.flag("on_hold") === true ? { onHold: true } : {}),
    ...(isUntilBoundary ? { untilBoundary: true } : {}),
  };
}

function readSettings(value: unknown, configured: MergeSettings, mistakes: string[]): MergeSettings {
  if (value === undefined || value === null) return configured;
  const fields = new BodyFields(value, ["primary_source", "early", "basic_from"], "settings.", mistakes);
  return {
    primarySource: fields.word("primary_source", ["calendar", "api", "publish", "none"]) ?? configured.primarySource,
    early: fields.word("early", ["ringing", "busy", "ignore"]) ?? configured.early,
    basicFrom: fields.word("basic_from", ["reachability", "winner"]) ?? configured.basicFrom,
  };
}
