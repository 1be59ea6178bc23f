import { expect, test } from "vitest";
import { nearMiss } from "../../src/config/near-miss.ts";

const words = ["listen", "log", "limits", "contacts_per_user", "id", "ha1"];

test.each([
  ["lisen", "listen"],
  ["lisetn", "listen"],
  ["Listen", "listen"],
  ["listens", "listen"],
  ["contacts-per-users", "contacts_per_user"],
  ["contact_per_usr", "contacts_per_user"],
  ["lgo", "log"],
  ["h1", "ha1"],
  ["ID", "id"],
  ["x", null],
  ["abc", null],
  ["", null],
  ["lists_of_things", null],
  ["listen".repeat(100), null],
])("%s is a near miss of %s", (written, meant) => {
  expect(nearMiss(written, words)).toBe(meant);
});
