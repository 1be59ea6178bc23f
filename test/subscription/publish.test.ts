import { describe, expect, test } from "vitest";
import { FakeClock } from "../sim/fake-clock.ts";
import { DOMAIN, Rig, aor, type Answered } from "./rig.ts";

const pidf = "Content-Type: application/pidf+xml; charset=UTF-8";
const alice = aor("101");

function etagOf(answer: Answered): string {
  return /SIP-ETag: ([^\r]+)/.exec(answer.headers ?? "")?.[1] ?? "";
}

describe("a PUBLISH", () => {
  test("that is the first gets an entity tag and a lifetime, and its watchers are told", () => {
    const rig = new Rig();
    rig.subscribe("101");
    rig.agent.last.answer(200);
    const answer = rig.publish("101", [pidf, "Expires: 100"], "busy");
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.headers).toMatch(/^SIP-ETag: [0-9a-f]{16}\r\nExpires: 100\r\n$/);
    const now = rig.clock.now();
    expect(rig.presence.published_).toEqual([
      { id: etagOf(answer), publication: { resource: alice, etag: etagOf(answer), publishedAt: now, until: now + 100_000, contentType: "application/pidf+xml", body: "busy" } },
    ]);
    expect(rig.agent.last.body).toBe("state=busy");
  });

  test("that refreshes gets a new tag and keeps its lineage, its body and the time of its content", () => {
    const rig = new Rig();
    const first = rig.publish("101", [pidf], "busy");
    const at = rig.clock.now();
    rig.clock.advance(5_000);
    const second = rig.publish("101", [`SIP-If-Match: ${etagOf(first)}`]);
    expect(second.status).toBe(200);
    expect(etagOf(second)).not.toBe(etagOf(first));
    expect(rig.presence.published_[1]).toMatchObject({ id: etagOf(first), publication: { etag: etagOf(second), publishedAt: at, until: at + 3_605_000, body: "busy" } });
    expect(rig.publish("101", [`SIP-If-Match: ${etagOf(first)}`]).status).toBe(412);
  });

  test("that brings the same content again is a refresh too (Snom)", () => {
    const rig = new Rig();
    const first = rig.publish("101", [pidf], "busy");
    const at = rig.clock.now();
    rig.clock.advance(5_000);
    const second = rig.publish("101", [pidf, `SIP-If-Match: ${etagOf(first)}`], " busy ");
    expect(rig.presence.published_[1]?.publication.publishedAt).toBe(at);
    rig.publish("101", [pidf, `SIP-If-Match: ${etagOf(second)}`], "away");
    expect(rig.presence.published_[2]).toMatchObject({ id: etagOf(first), publication: { publishedAt: at + 5_000, body: "away" } });
  });

  test("that removes ends it at once", () => {
    const rig = new Rig();
    const first = rig.publish("101", [pidf], "busy");
    const gone = rig.publish("101", [`SIP-If-Match: ${etagOf(first)}`, "Expires: 0"]);
    expect(gone).toMatchObject({ status: 200 });
    expect(gone.headers).toContain("Expires: 0\r\n");
    expect(rig.presence.unpublished_).toEqual([etagOf(first)]);
    expect(rig.engine.counts().publications + rig.store.size("publications") + rig.wheel.count).toBe(0);
  });

  test("that is not refreshed lapses by itself", () => {
    const rig = new Rig();
    const first = rig.publish("101", [pidf, "Expires: 60"], "busy");
    rig.clock.advance(59_000);
    expect(rig.presence.unpublished_).toEqual([]);
    rig.clock.advance(1_010);
    expect(rig.presence.unpublished_).toEqual([etagOf(first)]);
    expect(rig.publish("101", [`SIP-If-Match: ${etagOf(first)}`]).status).toBe(412);
  });

  test("with Expires 0 and no tag is checked and leaves nothing", () => {
    const rig = new Rig();
    expect(rig.publish("101", [pidf, "Expires: 0"], "busy").status).toBe(200);
    expect(rig.presence.published_).toEqual([]);
    expect(rig.engine.counts().publications).toBe(0);
  });

  const refusals: readonly (readonly [string, readonly string[], string, number, string])[] = [
    ["no Event", [pidf], "busy", 489, "Allow-Events: presence\r\n"],
    ["an unknown event", ["Event: mood", pidf], "busy", 489, "Allow-Events: presence\r\n"],
    ["an event that is not published", ["Event: dialog", pidf], "busy", 489, "Allow-Events: presence\r\n"],
    ["an unknown tag", ["Event: presence", pidf, "SIP-If-Match: nope"], "busy", 412, ""],
    ["neither body nor tag", ["Event: presence", pidf], "", 400, ""],
    ["blanks for a body", ["Event: presence", pidf], "\r\n", 400, ""],
    ["another type", ["Event: presence", "Content-Type: text/plain"], "busy", 415, "Accept: application/pidf+xml\r\n"],
    ["no type", ["Event: presence"], "busy", 415, "Accept: application/pidf+xml\r\n"],
    ["a coded body", ["Event: presence", pidf, "Content-Encoding: gzip"], "busy", 415, "Accept-Encoding: identity\r\n"],
    ["too long a body", ["Event: presence", pidf], "x".repeat(1001), 413, ""],
    ["too short a time", ["Event: presence", pidf, "Expires: 1"], "busy", 423, "Min-Expires: 60\r\n"],
    ["a body that the package refuses", ["Event: presence", pidf], "bad", 400, ""],
    ["a required extension", ["Event: presence", pidf, "Require: x"], "busy", 420, "Unsupported: x\r\n"],
  ];
  test.each(refusals)("with %s is refused and changes nothing", (_what, lines, body, status, headers) => {
    const rig = new Rig();
    expect(rig.request("PUBLISH", `sip:101@${DOMAIN}`, "101", lines, body)).toMatchObject({ status, ...(headers === "" ? {} : { headers }) });
    expect(rig.presence.published_).toEqual([]);
    expect(rig.engine.counts().publications).toBe(0);
  });

  test("that modifies with a bad body leaves the old publication as it is", () => {
    const rig = new Rig();
    const first = rig.publish("101", [pidf], "busy");
    expect(rig.publish("101", [pidf, `SIP-If-Match: ${etagOf(first)}`], "bad").status).toBe(400);
    expect(rig.publish("101", [`SIP-If-Match: ${etagOf(first)}`]).status).toBe(200);
  });

  test("for somebody else is refused, and a tag is good for its own person alone", () => {
    const rig = new Rig();
    const first = rig.publish("101", [pidf], "busy");
    expect(rig.request("PUBLISH", `sip:101@${DOMAIN}`, "102", ["Event: presence", pidf, `SIP-If-Match: ${etagOf(first)}`], "away").status).toBe(403);
    expect(rig.publish("102", [pidf, `SIP-If-Match: ${etagOf(first)}`], "away").status).toBe(412);
  });

  test("beyond the bound of its person gets 480 with Retry-After; refreshes still pass", () => {
    const rig = new Rig({ settings: { publicationsPerAorMax: 2 } });
    rig.publish("101", [pidf], "a");
    const second = rig.publish("101", [pidf], "b");
    expect(rig.publish("101", [pidf], "c")).toMatchObject({ status: 480, headers: "Retry-After: 60\r\n" });
    expect(rig.publish("101", [`SIP-If-Match: ${etagOf(second)}`]).status).toBe(200);
    expect(rig.publish("102", [pidf], "c").status).toBe(200);
  });

  test("survives a restart under its lineage, and lapses in its own time", () => {
    const before = new Rig();
    const first = before.publish("101", [pidf, "Expires: 100"], "busy");
    const second = before.publish("101", [`SIP-If-Match: ${etagOf(first)}`, "Expires: 100"]);
    before.publish("102", [pidf, "Expires: 60"], "away");
    before.subscribe("101");
    before.engine.close();
    const rig = new Rig({ store: before.store, clock: new FakeClock(before.clock.now() + 61_000), seed: 9 });
    rig.engine.restore();
    expect(rig.presence.published_.map((one) => [one.id, one.publication.body])).toEqual([[etagOf(first), "busy"]]);
    expect(rig.agent.sent).toHaveLength(0);
    expect(rig.store.size("publications")).toBe(1);
    const third = rig.publish("101", [`SIP-If-Match: ${etagOf(second)}`, "Expires: 60"]);
    expect(third.status).toBe(200);
    rig.clock.advance(60_010);
    expect(rig.presence.unpublished_).toEqual([etagOf(first)]);
  });
});
