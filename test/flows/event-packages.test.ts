import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { aorOf } from "../../src/base/ids.ts";
import { Header } from "../../src/sip/header-name.ts";
import type { Message } from "../../src/sip/message.ts";
import { tagOf } from "../../src/sip/name-addr.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { notifies, watch, watcher } from "./watching.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.start();
});
afterEach(async () => {
  await stage.stop();
});

const registered = (user: string, protocol: "udp" | "tcp" = "udp", userAgent?: string): Promise<Phone> => watcher(stage, user, protocol, userAgent);

describe("message-summary", () => {
  const summary = "Messages-Waiting: yes\r\nMessage-Account: sip:101@voicemail.test\r\nVoice-Message: 2/8 (0/2)\r\n";
  const publish = (phone: Phone, headers: string, body: string): Promise<Message> =>
    phone.ask(phone.text("PUBLISH", `sip:101@${DOMAIN}`, { headers: `Event: message-summary\r\n${headers}${body === "" ? "" : "Content-Type: application/simple-message-summary\r\n"}`, body })).then(({ final }) => final);

  test("begins with nothing waiting, lights by PUBLISH, goes dark when it is taken back", async () => {
    const phone = await registered("101");
    const { notify } = await watch(phone, "101", "message-summary");
    expect(notify.header(Header.contentType)).toBe("application/simple-message-summary");
    expect(notify.body).toBe(`Messages-Waiting: no\r\nMessage-Account: sip:101@${DOMAIN}\r\n`);
    const published = await publish(phone, "Expires: 600\r\n", summary);
    expect(published.status).toBe(200);
    expect((await phone.request("NOTIFY")).body).toBe(summary);
    expect((await publish(phone, `SIP-If-Match: ${published.header(Header.sipEtag) ?? ""}\r\nExpires: 0\r\n`, "")).status).toBe(200);
    expect((await phone.request("NOTIFY")).body).toContain("Messages-Waiting: no");
  });

  test("what the API says holds until the next word, through a restart", async () => {
    const phone = await registered("101");
    await watch(phone, "101", "message-summary");
    stage.server.mailboxes.set(aorOf("101", DOMAIN), { isWaiting: true, account: "", counts: new Map([["voice-message", { fresh: 1, old: 0, urgentFresh: 0, urgentOld: 0 }]]) });
    expect((await phone.request("NOTIFY")).body).toContain("Voice-Message: 1/0 (0/0)");
    await stage.restart();
    expect((await phone.request("NOTIFY")).body).toContain("Voice-Message: 1/0 (0/0)");
    stage.server.mailboxes.set(aorOf("101", DOMAIN), null);
    expect((await phone.request("NOTIFY")).body).toContain("Messages-Waiting: no");
  });

  test.each(["Voice-Message: 1/2", "Messages-Waiting: perhaps", "Messages-Waiting: yes\r\nVoice-Message: many"])("a summary of %j is refused and changes nothing", async (body) => {
    const phone = await registered("101");
    expect((await publish(phone, "", body)).status).toBe(400);
    expect(stage.server.mailboxes.get(aorOf("101", DOMAIN))).toBeNull();
  });
});

describe("reg", () => {
  test("shows a person's phones come and go, with their GRUUs; a refresh is no news", async () => {
    const phone = await registered("101");
    const { notify } = await watch(phone, "101", "reg");
    expect(notify.header(Header.contentType)).toBe("application/reginfo+xml");
    expect(notify.body).toContain('version="0" state="full"');
    expect(notify.body).toMatch(new RegExp(`<registration aor="sip:101@${DOMAIN}" id="r1" state="active">\\s*<contact id="c[\\w-]+" state="active" event="registered" expires="\\d+" callid=`));
    const second = await stage.phone("101", "tcp");
    const instance = "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>";
    const text = second.text("REGISTER", `sip:${DOMAIN}`, { to: second.aor, headers: "Expires: 600\r\nSupported: gruu\r\n" }).replace(/(Contact: [^\r]*)/, `$1;+sip.instance="${instance}"`);
    expect((await second.ask(text)).final.status).toBe(200);
    const came = await phone.request("NOTIFY");
    expect(came.body.match(/<contact /g)).toHaveLength(2);
    expect(came.body).toContain('<gr:pub-gruu uri="sip:101@tel.example.test;gr=urn:uuid:00000000-0000-1000-8000-000A95A0E128"/>');
    expect(came.body).toContain("<gr:temp-gruu ");
    expect((await phone.register()).status).toBe(200);
    expect((await second.ask(second.text("REGISTER", `sip:${DOMAIN}`, { to: second.aor, headers: "Expires: 0\r\n" }).replace(/(Contact: [^\r]*)/, `$1;+sip.instance="${instance}"`))).final.status).toBe(200);
    const left = await phone.request("NOTIFY");
    expect(left.cseq).toBe(came.cseq + 1);
    expect(left.body).toMatch(/state="terminated" event="unregistered"/);
    expect(left.body.match(/state="active" event="registered"/g)).toHaveLength(1);
  });

  test("a colleague sees the phones, but not the temporary GRUUs that hide who calls", async () => {
    const alice = await stage.phone("101");
    const text = alice.text("REGISTER", `sip:${DOMAIN}`, { to: alice.aor, headers: "Expires: 600\r\nSupported: gruu\r\n" }).replace(/(Contact: [^\r]*)/, '$1;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"');
    expect((await alice.ask(text)).final.status).toBe(200);
    const { notify } = await watch(await registered("102"), "101", "reg");
    expect(notify.body).toContain("<gr:pub-gruu ");
    expect(notify.body).not.toContain("temp-gruu");
  });

  test("who never registered is in state init", async () => {
    const { notify } = await watch(await registered("102"), "105", "reg");
    expect(notify.body).toContain(`<registration aor="sip:105@${DOMAIN}" id="r1" state="init"/>`);
  });
});

describe("check-sync", () => {
  test("reaches every phone of a person outside any dialog, and says what each answered", async () => {
    const [one, two] = [await registered("101", "udp", "Yealink SIP-T46S"), await registered("101", "tcp", "snomD785/10.1")];
    two.onRequest = (request) => two.answer(request, 501, "Not Implemented", { tag: "x" });
    const results = await stage.server.checkSync(aorOf("101", DOMAIN), true);
    expect(results.map(({ userAgent, status, outcome }) => [userAgent, status, outcome]).toSorted()).toEqual([["Yealink SIP-T46S", 200, "reloads"], ["snomD785/10.1", 501, "refused"]]);
    const got = await one.request("NOTIFY");
    expect(got.header(Header.event)).toBe("check-sync;reboot=true");
    expect(got.header(Header.subscriptionState)).toMatch(/^terminated/);
    expect(tagOf(got.header(Header.to))).toBe("");
    expect(got.requestUri).toContain(`sip:101@${one.address}`);
  });

  test("a phone that asks who it is is answered with its own secret", async () => {
    const phone = await stage.phone("101");
    await phone.register();
    phone.onRequest = (request) =>
      request.has(Header.authorization)
        ? phone.answer(request, 200, "OK", { tag: "x" })
        : phone.answer(request, 401, "Unauthorized", { tag: "x", headers: `WWW-Authenticate: Digest realm="${DOMAIN}", nonce="abc", algorithm=MD5, qop="auth"\r\n` });
    expect((await stage.server.checkSync(aorOf("101", DOMAIN), null)).map(({ status }) => status)).toEqual([200]);
    const answered = phone.received.findLast((message) => message.method === "NOTIFY");
    expect(answered?.header(Header.authorization)).toMatch(/username="101".*realm="tel\.example\.test"/);
    expect(answered?.header(Header.event)).toBe("check-sync");
  });

  test("nobody can subscribe to it: the first NOTIFY would restart the phone", async () => {
    const phone = await registered("101");
    expect((await phone.ask(phone.text("SUBSCRIBE", `sip:101@${DOMAIN}`, { headers: "Event: check-sync\r\n" }))).final.status).toBe(489);
    expect(await stage.server.checkSync(aorOf("105", DOMAIN), null)).toEqual([]);
  });
});

describe("as-feature-event", () => {
  const type = "Content-Type: application/x-as-feature-event+xml\r\n";
  const dnd = (isOn: string): string => `<?xml version="1.0" encoding="UTF-8"?><SetDoNotDisturb xmlns="http://www.ecma-international.org/standards/ecma-323/csta/ed3"><device/><doNotDisturbOn>${isOn}</doNotDisturbOn></SetDoNotDisturb>`;

  test("a key that is pressed on one phone lights on the other, and is the person's presence", async () => {
    const [one, two] = [await registered("101", "udp", "PolycomVVX-VVX_410-UA/5.9.3"), await registered("101", "tcp", "Yealink SIP-T46S")];
    const pressed = await watch(one, "101", "as-feature-event");
    const other = await watch(two, "101", "as-feature-event");
    expect(other.notify.header(Header.contentType)).toBe("application/x-as-feature-event+xml");
    expect(other.notify.body).toContain("<DoNotDisturbEvent ");
    expect(other.notify.body).toContain("<device>101</device>");
    expect(other.notify.body).toContain("<doNotDisturbOn>false</doNotDisturbOn>");
    const colleague = await registered("102");
    await watch(colleague, "101", "presence");
    expect((await pressed.again(`Expires: 600\r\n${type}`, dnd("true"))).status).toBe(200);
    expect((await two.request("NOTIFY")).body).toContain("<doNotDisturbOn>true</doNotDisturbOn>");
    expect((await one.request("NOTIFY")).body).toContain("<doNotDisturbOn>true</doNotDisturbOn>");
    expect((await colleague.request("NOTIFY")).body).toContain("Do not disturb");
    // One SUBSCRIBE, one NOTIFY to whoever sent it.
    expect((await pressed.again(`Expires: 600\r\n${type}`, dnd("false"))).status).toBe(200);
    expect((await two.request("NOTIFY")).body).toContain("<doNotDisturbOn>false</doNotDisturbOn>");
    expect((await one.request("NOTIFY")).body).toContain("<doNotDisturbOn>false</doNotDisturbOn>");
    expect(notifies(one)).toBe(3);
    expect(notifies(two)).toBe(3);
  });

  test.each([
    ["no XML", type, "on", 400],
    ["another request", type, "<SetVolume/>", 400],
    ["neither true nor false", type, dnd("maybe"), 400],
    ["forwarding, which is not there yet", type, "<SetForwarding><forwardingType>forwardBusy</forwardingType><activateForward>true</activateForward><forwardDN>102</forwardDN></SetForwarding>", 403],
    ["another type", "Content-Type: text/plain\r\n", dnd("true"), 415],
  ])("%s is refused, and the subscription lives on", async (_, headers, body, status) => {
    const phone = await registered("101");
    const subscription = await watch(phone, "101", "as-feature-event");
    expect((await subscription.again(`Expires: 600\r\n${headers}`, body)).status).toBe(status);
    expect(stage.server.spoken.isOn(aorOf("101", DOMAIN))).toBe(false);
    expect((await subscription.again("Expires: 600\r\n")).status).toBe(200);
  });

  test("nobody switches another's features, or sees them", async () => {
    const phone = await registered("102");
    expect((await phone.ask(phone.text("SUBSCRIBE", `sip:101@${DOMAIN}`, { headers: `Event: as-feature-event\r\n${type}`, body: dnd("true") }))).final.status).toBe(403);
    expect(stage.server.spoken.isOn(aorOf("101", DOMAIN))).toBe(false);
  });
});
