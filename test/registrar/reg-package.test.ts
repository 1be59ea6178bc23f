import { describe, expect, test } from "vitest";
import type { Aor } from "../../src/base/ids.ts";
import { parseXml } from "../../src/documents/xml.ts";
import { STANDARD } from "../../src/phones/built-in.ts";
import { regPackage, type RegPackage } from "../../src/registrar/reg-package.ts";
import type { Watching } from "../../src/subscription/event-package.ts";
import { aor, domain, flowFrom, registerText, site, type Site } from "./site.ts";

function packageOf(made: Site, watched: boolean): { readonly pack: RegPackage; readonly told: string[] } {
  const told: string[] = [];
  const pack = regPackage({ registrar: made.registrar, clock: made.clock, changed: (event, who: Aor) => told.push(`${event} ${who}`), isWatched: () => watched });
  made.registrar.onBindings(
    (who, before, now) => {
      pack.bindingsChanged(who, before, now);
    },
    () => true,
  );
  return { pack, told };
}

const watching: Watching = { resource: aor("101"), entity: aor("101"), watcher: aor("101"), userAgent: "", profile: STANDARD, accept: [], variant: 0, standing: "allow" };

/** `state event` of each contact. */
function contacts(pack: RegPackage): readonly string[] {
  const { head, tail } = pack.render(watching);
  return (parseXml(`${head}0${tail}`).children[0]?.children ?? []).map((contact) => `${contact.attributes.get("state") ?? ""} ${contact.attributes.get("event") ?? ""} ${contact.children[0]?.text ?? ""}`);
}

describe("event package reg", () => {
  test("tells of phones that come, lapse and leave, and of no refresh; what ended is shown for a minute", () => {
    const made = site();
    const { pack, told } = packageOf(made, true);
    expect(contacts(pack)).toEqual([]);
    const phone = `Contact: <sip:101@192.0.2.7:5060>`;
    made.send(registerText({ lines: [phone, "Expires: 100"] }));
    expect(told).toEqual([`reg sip:101@${domain}`]);
    expect(contacts(pack)).toEqual(["active registered sip:101@192.0.2.7:5060"]);
    made.send(registerText({ cseq: 2, lines: [phone, "Expires: 200"] }));
    expect(told).toHaveLength(1);
    made.send(registerText({ callId: "other", lines: ["Contact: <sip:101@192.0.2.8:5060>", "Expires: 600"] }), flowFrom("udp", "192.0.2.8", 5060));
    expect(told).toHaveLength(2);
    made.clock.advance(201_000);
    expect(told).toHaveLength(3);
    expect(contacts(pack).toSorted()).toEqual(["active registered sip:101@192.0.2.8:5060", "terminated expired sip:101@192.0.2.7:5060"]);
    made.clock.advance(65_000);
    expect(contacts(pack)).toEqual(["active registered sip:101@192.0.2.8:5060"]);
    made.send(registerText({ callId: "other", cseq: 2, lines: ["Contact: <sip:101@192.0.2.8:5060>", "Expires: 0"] }), flowFrom("udp", "192.0.2.8", 5060));
    expect(contacts(pack)).toEqual(["terminated unregistered sip:101@192.0.2.8:5060"]);
  });

  test("keeps nothing of people whom nobody watches", () => {
    const made = site();
    const { pack, told } = packageOf(made, false);
    made.send(registerText({ lines: ["Contact: <sip:101@192.0.2.7:5060>", "Expires: 100"] }));
    made.clock.advance(101_000);
    expect([told, contacts(pack)]).toEqual([[], []]);
  });

  test("lets in users, and no stranger", () => {
    const { pack } = packageOf(site(), true);
    expect(pack.admits(watching)).toBeNull();
    expect(pack.admits({ ...watching, watcher: null })?.status).toBe(403);
  });
});
