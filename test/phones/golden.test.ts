import { mkdirSync, readFileSync, writeFileSync, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseDialogInfo } from "../../src/documents/dialog-info.ts";
import { parsePidf } from "../../src/documents/pidf.ts";
import { alertInfoPreview, pickupPreview, preview, PREVIEW_STATES } from "../../src/phone-preview.ts";
import { BUILT_IN } from "../../src/phones/built-in.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";

const folder = fileURLToPath(new URL("./golden/", import.meta.url));
const DOMAIN = "tel.example.test";
/** LAMPLIGHT_WRITE_GOLDEN=1 writes the files anew: read the difference before it is committed. */
const isWriting = process.env.LAMPLIGHT_WRITE_GOLDEN === "1";

function golden(profile: string, name: string, body: string): string {
  const path = `${folder}${profile}/${name}`;
  if (isWriting) {
    mkdirSync(`${folder}${profile}`, { recursive: true });
    writeFileSync(path, body, "latin1");
  }
  return existsSync(path) ? readFileSync(path, "latin1") : "(there is no such file)";
}

const all = BUILT_IN.flatMap(({ profile }) => PREVIEW_STATES.map((state) => ({ profile, state, shown: preview(profile, DOMAIN, state) })));

describe.each(BUILT_IN.map(({ profile }) => [profile.name, profile] as const))("the profile %s", (name, profile) => {
  test.each(PREVIEW_STATES)("is sent its golden documents in state %s", (state) => {
    const { presence, dialog } = preview(profile, DOMAIN, state);
    expect(presence.body).toBe(golden(name, `presence-${state}.xml`, presence.body));
    expect(dialog.body).toBe(golden(name, `dialog-${state}.xml`, dialog.body));
  });

  test("picks up and rings by its golden headers", () => {
    const lines = [...pickupPreview(profile, DOMAIN), ...Object.entries(alertInfoPreview(profile)).map(([kind, values]) => `${kind}: ${values.join(", ")}`), ""].join("\n");
    expect(lines).toBe(golden(name, "calls.txt", lines));
  });
});

test.each(["available", "do-not-disturb", "messages"] as const)("message-summary and as-feature-event in state %s are the golden ones", (state) => {
  const [standard] = BUILT_IN;
  if (standard === undefined) throw new Error("no profile");
  const { messageSummary, featureEvent } = preview(standard.profile, DOMAIN, state);
  expect(messageSummary.body).toBe(golden("all", `message-summary-${state}.txt`, messageSummary.body));
  expect(featureEvent.body).toBe(golden("all", `as-feature-event-${state}.xml`, featureEvent.body));
});

test("every presence document that is PIDF has one tuple and one person, and names the person alone", () => {
  for (const { profile, state, shown } of all) {
    if (shown.presence.contentType !== "application/pidf+xml") continue;
    const parsed = parsePidf(shown.presence.body);
    const why = `${profile.name} ${state}`;
    expect([parsed.tuples.length, parsed.persons.length], why).toEqual([1, 1]);
    expect([parsed.entity, parsed.tuples[0]?.contact], why).toEqual([`sip:101@${DOMAIN}`, `sip:101@${DOMAIN}`]);
  }
});

test("a phone that takes one dialog gets one, the one that its lamp follows", () => {
  for (const { profile, state, shown } of all) {
    const { dialogs } = parseDialogInfo(shown.dialog.body);
    if (profile.dialogs === "one") expect(dialogs, state).toHaveLength(1);
    if (state === "call-waiting") expect(dialogs.map((dialog) => dialog.state)).toEqual(profile.dialogs === "one" ? ["early"] : ["early", "confirmed"]);
  }
});

describe.skipIf(skipsWithoutXmllint)("the schemas of the RFCs", () => {
  test("accept all PIDF and dialog-info of all profiles, but for Digium's own element", () => {
    const documents = new Map<string, string>();
    for (const { profile, state, shown } of all) {
      documents.set(`${profile.name} dialog ${state}`, shown.dialog.body);
      if (shown.presence.contentType === "application/pidf+xml") documents.set(`${profile.name} presence ${state}`, shown.presence.body.replace(/<digium_presence.*?<\/digium_presence>/, ""));
    }
    expect(schemaMistakes(documents)).toEqual([]);
  });
});
