import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import type { Message } from "../../src/sip/message.ts";
import { phoneTable } from "../../src/phones/phone-table.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";
import { talk } from "./calling.ts";
import { KnownList, shownList } from "./listing.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { watch, watcher } from "./watching.ts";

let stage: Stage | null = null;
afterEach(async () => {
  await stage?.stop();
  stage = null;
});

const folder = fileURLToPath(new URL("../phones/golden/", import.meta.url));
/** LAMPLIGHT_WRITE_GOLDEN=1 writes the files anew: read the difference before it is committed. */
const isWriting = process.env.LAMPLIGHT_WRITE_GOLDEN === "1";

const PEOPLE = `users:\n${[["101", "Alice Adams"], ["102", "Bob Brown"], ["103", "Zoë \\\"Z\\\" Ångström"], ["104", "Dan Director"], ["105", "Desk"]].map(([id, name]) => `  - { id: "${id}", name: "${name}", password: secret-${id} }\n`).join("")}lists:\n  - { id: front-desk, name: Front desk, members: ["102", "103", "104"] }\n`;

/** What each brand's list keys ask for, and by which transport as it comes from the factory. */
const BRANDS = [
  ["yealink", "Yealink SIP-T46U 108.86.0.20", "udp", "dialog", "Accept: application/dialog-info+xml, multipart/related, application/rlmi+xml\r\n"],
  ["grandstream", "Grandstream GXP2170 1.0.11.64", "udp", "dialog", "Accept: multipart/related, application/rlmi+xml, application/dialog-info+xml\r\n"],
  ["polycom", "PolycomVVX-VVX_411-UA/6.4.0.12345", "tcp", "dialog", "Accept: application/dialog-info+xml, application/rlmi+xml, multipart/related\r\n"],
  ["snom", "snomD785/10.1.175.16", "tcp", "dialog", "Accept: multipart/related, application/rlmi+xml, application/dialog-info+xml\r\n"],
  ["snom", "snomD785/10.1.175.16", "tcp", "presence", "Accept: multipart/related, application/rlmi+xml, application/pidf+xml\r\n"],
  ["aastra", "Mitel 6867i/5.1.1.1013", "udp", "dialog", ""],
  ["linphone", "Linphone/5.1.65 (belle-sip/5.1.67)", "tcp", "presence", "Accept: application/pidf+xml, application/rlmi+xml, multipart/related\r\n"],
] as const;

test.each(BRANDS)("%s (%s), over %s, for %s: the golden NOTIFYs of a list: everyone, one who talks, everyone again after a refresh", async (profile, userAgent, protocol, event, accept) => {
  stage = await Stage.start({ people: PEOPLE });
  expect(phoneTable().profileOf(userAgent).name).toBe(profile);
  const [bob, zoe] = [await watcher(stage, "102"), await watcher(stage, "101")];
  const phone = await watcher(stage, "105", protocol, userAgent);
  const headers = `Expires: 600\r\nSupported: eventlist\r\n${accept}`;
  const desk = await watch(phone, "front-desk", event, headers);
  const list = new KnownList();
  const texts: string[] = [];
  const all: Message[] = [];
  const take = (title: string, notify: Message): void => {
    list.take(notify);
    all.push(notify);
    texts.push(`==== ${title}\n${notify.text}`);
  };
  const everyone = async (title: string, first: Message): Promise<void> => {
    take(title, first);
    const told = new Set(shownList(first).resources.filter(({ state }) => state !== "").map(({ uri }) => uri));
    // What does not fit into one datagram is told by the next.
    while (told.size < 3) {
      const next = await desk.next();
      take(`${title}, continued`, next);
      for (const { uri } of shownList(next).resources) told.add(uri);
    }
  };
  await everyone("everyone", desk.notify);
  expect(list.known.size).toBe(3);
  const isTalking = ({ body }: Message): boolean => (event === "dialog" ? body.includes("<state>confirmed</state>") : body.includes("On the phone"));
  const call = talk(zoe, bob, `sip:102@${DOMAIN}`);
  let change = await desk.next();
  while (!isTalking(change)) {
    // What a watcher sees of the moment before depends on how fast both are.
    list.take(change);
    change = await desk.next();
  }
  take("102 talks", change);
  await call;
  expect((await desk.again(headers)).status).toBe(200);
  await everyone("everyone, after a refresh", await desk.next());
  // One member's document is not divided: that of one who talks is larger than a datagram of one Ethernet frame.
  if (protocol === "udp") for (const notify of all) expect(notify.text.length, notify.text).toBeLessThanOrEqual(shownList(notify).documents.length === 1 ? 2000 : 1472);
  if (!skipsWithoutXmllint) expect(schemaMistakes(new Map(all.flatMap((notify, at) => [[`rlmi ${String(at)}`, shownList(notify).rlmi] as const, ...shownList(notify).documents.map((body, index) => [`part ${String(at)}.${String(index)}`, body] as const)])))).toEqual([]);

  const shown = plain(texts, all[0]);
  const path = `${folder}${profile}/list-${event}.txt`;
  if (isWriting) {
    mkdirSync(`${folder}${profile}`, { recursive: true });
    writeFileSync(path, shown, "latin1");
  }
  expect(shown).toBe(existsSync(path) ? readFileSync(path, "latin1") : "(there is no such file)");
});

/** The texts without what is another each time: names for what is made up, the number of the first version for the rest. Line ends are LF. */
function plain(texts: readonly string[], first: Message | undefined): string {
  let whole = texts.join("\n").replaceAll("\r\n", "\n");
  const named: [string, RegExp][] = [
    ["TAG", /;tag=([^\s;>]+)/g],
    ["BRANCH", /;branch=([^\s;,]+)/g],
    ["CALL", /^Call-ID: (\S+)$/gm],
    ["PORT", /127\.0\.0\.1:(\d+)/g],
    ["CALL", / call-id="([^"]+)"/g],
    ["TAG", / (?:local|remote)-tag="([^"]+)"/g],
    ["DIALOG", /<dialog id="(?!\d{3}")([^"]+)"/g],
  ];
  const known = new Map<string, string>();
  for (const [name, pattern] of named) {
    for (const [, value = ""] of whole.matchAll(pattern)) if (!known.has(value)) known.set(value, `${name}-${String([...known.values()].filter((one) => one.startsWith(name)).length + 1)}`);
  }
  for (const [value, name] of [...known].sort(([a], [b]) => b.length - a.length)) whole = whole.replaceAll(value, name);
  // How often the state was told between two of these depends on how fast both phones are: numbers count from one shown NOTIFY to the next.
  let shownOnes = 0;
  const base = first?.cseq ?? 0;
  const counted = whole.split(/^(?===== )/m).map((text) => {
    const at = shownOnes++;
    const version = /<list [^>]* version="(\d+)"/.exec(text)?.[1] ?? "0";
    return text
      .replace(/^CSeq: \d+/m, `CSeq: ${String(at + base)}`)
      .replace(new RegExp(`version="${version}"`, "g"), `version="${String(at)}"`)
      .replace(new RegExp(`\\.${version}@`, "g"), `.${String(at)}@`);
  });
  return counted
    .join("")
    .replace(/^Content-Length: \d+$/gm, "Content-Length: N")
    .replace(/;expires=\d+/g, ";expires=N")
    .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME");
}
