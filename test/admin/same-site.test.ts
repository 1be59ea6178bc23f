import { describe, expect, test } from "vitest";
import { siteTrouble, type SiteFacts } from "../../src/admin/same-site.ts";

const plain: SiteFacts = { host: "localhost:8080", origin: undefined, fetchSite: undefined, localAddress: "127.0.0.1", port: 8080 };
const own = (host: string): boolean => ["localhost", "tel.example.test", "192.0.2.5"].includes(host);

describe("the Host header", () => {
  test.each([
    "localhost:8080",
    "LocalHost:8080",
    "localhost",
    "tel.example.test:8080",
    "tel.example.test.:8080",
    "tel.example.test",
    "192.0.2.5:8080",
  ])("%s names this server", (host) => {
    expect(siteTrouble({ ...plain, host }, own)).toBeNull();
  });

  test.each(["127.0.0.1:8080", "127.0.0.1"])("%s is the address that the connection came to", (host) => {
    expect(siteTrouble({ ...plain, host }, own)).toBeNull();
  });

  test("an IPv6 address stands in brackets, and a mapped IPv4 address counts as IPv4", () => {
    expect(siteTrouble({ ...plain, host: "[::1]:8080", localAddress: "::1" }, own)).toBeNull();
    expect(siteTrouble({ ...plain, host: "127.0.0.1:8080", localAddress: "::ffff:127.0.0.1" }, own)).toBeNull();
  });

  test.each([undefined, "", "evil.example", "evil.example:8080", "localhost:8081", "localhost.evil.example:8080", "127.0.0.1.evil.example:8080", "192.0.2.6:8080", "localhost:8080@evil.example", "a b", "localhost:99999999"])(
    "%s is another server's",
    (host) => {
      expect(siteTrouble({ ...plain, host }, own)).toBe("foreign_host");
    },
  );
});

describe("the Origin header", () => {
  test.each([
    ["http://localhost:8080", "localhost:8080"],
    ["HTTP://LOCALHOST:8080", "localhost:8080"],
    ["https://tel.example.test", "tel.example.test"],
    ["http://tel.example.test", "tel.example.test"],
  ])("%s is the origin of %s", (origin, host) => {
    expect(siteTrouble({ ...plain, origin, host }, own)).toBeNull();
  });

  test.each([
    ["null", "localhost:8080"],
    ["", "localhost:8080"],
    ["http://evil.example", "localhost:8080"],
    ["http://localhost:3000", "localhost:8080"],
    ["http://tel.example.test:8080", "localhost:8080"],
    ["https://localhost:8080.evil.example", "localhost:8080"],
    ["http://localhost:8080/path", "localhost:8080"],
    ["file://localhost:8080", "localhost:8080"],
  ])("%s is foreign to %s", (origin, host) => {
    expect(siteTrouble({ ...plain, origin, host }, own)).toBe("foreign_origin");
  });

  test("a browser's own word that a page of another site asks is believed", () => {
    expect(siteTrouble({ ...plain, fetchSite: "same-origin" }, own)).toBeNull();
    expect(siteTrouble({ ...plain, fetchSite: "none" }, own)).toBeNull();
    expect(siteTrouble({ ...plain, fetchSite: "cross-site" }, own)).toBe("foreign_origin");
    expect(siteTrouble({ ...plain, fetchSite: "same-site" }, own)).toBe("foreign_origin");
  });
});
