import type { Placed } from "./reader.ts";
import type { Report } from "./report.ts";

/** The names that one user is reached by, and where each is written. An id that was refused has a negative offset. */
interface NamedUser {
  readonly id: Placed<string>;
  readonly aliases: readonly Placed<string>[];
  readonly numbers: readonly Placed<string>[];
}

interface Owner {
  readonly user: NamedUser;
  readonly as: "the id" | "an alias" | "a number";
}

/** A telephone number as numbers are compared: its digits alone. */
export function numberDigits(number: string): string {
  return number.replace(/\D/g, "");
}

/** Reports every id, alias and number that two users claim. Ids differ by case, aliases do not, of numbers the digits count. */
export function refuseNameClashes(users: readonly NamedUser[], report: Report): void {
  const ids = new Set<string>();
  const owners = new Map<string, Owner>();
  for (const user of users) {
    const { value: id, offset } = user.id;
    if (offset < 0) continue;
    if (ids.has(id)) report.mistake(offset, `"${id}" is the id of two users`, "write another id");
    else if (!owners.has(id.toLowerCase())) owners.set(id.toLowerCase(), { user, as: "the id" });
    ids.add(id);
  }
  for (const user of users) {
    for (const alias of user.aliases) claim(alias, alias.value.toLowerCase(), { user, as: "an alias" }, owners, report);
    for (const number of user.numbers) claim(number, numberDigits(number.value), { user, as: "a number" }, owners, report);
  }
}

function claim({ value, offset }: Placed<string>, name: string, claimed: Owner, owners: Map<string, Owner>, report: Report): void {
  const owner = owners.get(name);
  if (owner === undefined) owners.set(name, claimed);
  else if (owner.user !== claimed.user) report.mistake(offset, `"${value}" is ${owner.as} of user "${owner.user.id.value}" already`, "write another, or remove one of them");
}
