import { describe, expect, test } from "vitest";
import { Splice, spliceOffTop } from "../../src/sip/edits.ts";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";

describe("splices", () => {
  test("what is put where something was taken away stands in its place, once", () => {
    const splice = new Splice().begin("abcdef");
    splice.replace(1, 3, "");
    splice.replace(1, 1, "X");
    expect(splice.end()).toBe("aXdef");
  });
  test("a Route of ours that stands before the Via gives way to a Path of the target", () => {
    const message = Message.of("OPTIONS sip:a@b SIP/2.0\r\nRoute: <sip:us;lr>\r\nVia: SIP/2.0/UDP h\r\n\r\n");
    const splice = new Splice().begin(message.text);
    spliceOffTop(splice, message, Header.route, 1);
    splice.replace(message.lineStart(0), message.lineStart(0), "Route: <sip:edge;lr>\r\n");
    expect(Message.of(splice.end()).values(Header.route)).toEqual(["<sip:edge;lr>"]);
  });
});
