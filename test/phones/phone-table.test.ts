import { describe, expect, test } from "vitest";
import { PROFILE_NAMES } from "../../src/config/phones-schema.ts";
import { BUILT_IN } from "../../src/phones/built-in.ts";
import { phoneTable } from "../../src/phones/phone-table.ts";

describe("the built-in list", () => {
  test.each([
    ["snomD785/10.1.175.16", "snom"],
    ["snom370/8.7.3.19", "snom"],
    ["Mozilla/4.0 (compatible; snom320-SIP 8.4.18 1.1.5-IFX-26.11.09)", "snom"],
    ["snom300/7.3.30", "snom-old"],
    ["snom190/3.60x", "snom-old"],
    ["Yealink SIP-T46S 66.86.0.15", "yealink"],
    ["PolycomVVX-VVX_410-UA/5.9.3.2857", "polycom"],
    ["PolycomSoundPointIP-SPIP_335-UA/4.0.7.2514", "polycom"],
    ["PolyEdge-Edge_E350-UA/8.1.0.7742", "polycom"],
    ["Poly/UCS", "polycom"],
    ["Grandstream GXP2170 1.0.9.135", "grandstream"],
    ["Linksys/SPA942-6.1.5(a)", "cisco-spa"],
    ["Cisco/SPA504G-7.6.2c", "cisco-spa"],
    ["Cisco-CP8861/14.1.1", "cisco"],
    ["Cisco-CP-8845-3PCC/11-3-7_00483b2b3d0d", "cisco"],
    ["Aastra 6757i/3.3.1.8215", "aastra"],
    ["Mitel-6920-SIP-Phone 5.1.1 08000F", "aastra"],
    ["Bria release 5.3.4 stamp 94741", "bria"],
    ["eyeBeam release 1102u stamp 52345", "bria"],
    ["X-Lite release 5.8.3", "bria"],
    ["Digium D70 2_9_21", "digium"],
    ["Sangoma P330 4.3.0", "digium"],
    ["Linphone Desktop/4.4.9 (belle-sip/5.1.65)", "linphone"],
    ["THOMSON ST2030 hw5 fw2.72", "technicolor"],
    ["baresip v1.0.0 (x86_64/Linux)", "standard"],
    ["PJSUA v2.17", "standard"],
    ["Polyphony 3", "standard"],
    ["", "standard"],
  ])("%s is a %s", (userAgent, name) => {
    expect(phoneTable().profileOf(userAgent).name).toBe(name);
  });

  test("has every name that the configuration takes, once", () => {
    expect(BUILT_IN.map(({ profile }) => profile.name).toSorted()).toEqual(PROFILE_NAMES.toSorted());
    expect(BUILT_IN.at(-1)?.match).toBeNull();
    for (const { why } of BUILT_IN) expect(why).not.toBe("");
  });
});

describe("the operator's rules", () => {
  const table = phoneTable([
    { match: "^snom", profile: null, publish: "pidf", pickup: "replaces" },
    { match: "^snom", profile: null, pickup: "code" },
    { match: "attendant console", profile: "polycom", dialogs: "one", hold: "pvalue", gone: [489], overload: 403, digest: ["SHA-256", "MD5"] },
  ]);

  test("the first that matches changes what it names and nothing else", () => {
    expect(table.profileOf("snomD785/10.1")).toEqual({ ...phoneTable().profileOf("snomD785/10.1"), name: "snom + rule 1", publish: "pidf", pickup: "replaces" });
    expect(table.profileOf("snom300/7.3.30")).toMatchObject({ name: "snom-old + rule 1", presence: "im", pickup: "replaces" });
  });

  test("may start from another profile", () => {
    const profile = table.profileOf("ACME Attendant Console 2");
    expect(profile).toMatchObject({ name: "polycom + rule 3", presence: "xpidf", dialogs: "one", gone: [489], overload: 403, digest: ["SHA-256", "MD5"] });
    expect(profile.dialog.hold).toBe("pvalue");
    expect(table.matchOf("ACME Attendant Console 2").rule).toBe(3);
  });

  test("phones that need the same share one profile object, however they call themselves", () => {
    expect(table.profileOf("snomD785/10.1")).toBe(table.profileOf("snomD715/10.2"));
    expect(table.profileOf("x")).toBe(table.profileOf("y"));
    for (let number = 0; number < 5000; number++) expect(table.profileOf(`scanner ${number}`)).toBe(table.profileOf("x"));
  });

  test("look at no more of a User-Agent than an expression can bear", () => {
    const slow = phoneTable([{ match: "^(a+)+$", profile: null, dialogs: "one" }]);
    expect(slow.profileOf(`snom ${"a".repeat(100_000)}`).name).toBe("snom");
  });
});
