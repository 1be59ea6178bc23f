import { randomHex, type Random } from "../base/random.ts";

/** Somebody of the demo's office. */
export interface DemoPerson {
  /** The extension. */
  readonly id: string;
  readonly name: string;
  /** One word, in small letters. */
  readonly alias: string;
  readonly team: string;
  readonly password: string;
}

/** Everybody who has a phone in the demo. */
export interface Cast {
  /** The first one is at the reception. */
  readonly people: readonly DemoPerson[];
  /** The support line: whoever of the team is there registers for it, too. */
  readonly queue: DemoPerson;
  /** Through whom calls from outside come. */
  readonly trunk: DemoPerson;
}

/** As many as there are names for. */
export const PEOPLE_MAX = 400;
/** The support queue needs somebody to answer it, and the others somebody to call. */
export const PEOPLE_MIN = 5;

const FIRST = ["Alice", "Bob", "Carol", "Daniel", "Emma", "Felix", "Grace", "Hugo", "Ines", "Jonas", "Karin", "Leon", "Mia", "Noah", "Olivia", "Paul", "Quinn", "Rosa", "Simon", "Tara"];
const LAST = ["Adams", "Brown", "Clark", "Dover", "Evans", "Fischer", "Green", "Hansen", "Irwin", "Jansen", "Keller", "Lopez", "Moreau", "Novak", "Olsen", "Peters", "Quist", "Rossi", "Silva", "Turner"];
/** The teams and how many of ten belong to them. */
const TEAMS = ["Support", "Engineering", "Sales", "Engineering", "Support", "Finance", "Sales", "Engineering", "Support", "Management"];
const RECEPTION = "Reception";
const FIRST_EXTENSION = 101;
const PASSWORD_BYTES = 6;

/** People with names, teams and passwords; the same for the same seed. `count` is PEOPLE_MIN to PEOPLE_MAX. */
export function cast(count: number, random: Random): Cast {
  // Each last name meets each first name once before anything repeats.
  const shift = random.below(LAST.length);
  const person = (id: string, name: string, alias: string, team: string): DemoPerson => ({ id, name, alias, team, password: randomHex(random, PASSWORD_BYTES) });
  const people = Array.from({ length: count }, (_, index) => {
    const first = FIRST[index % FIRST.length] ?? "";
    const last = LAST[(index + shift + Math.floor(index / FIRST.length)) % LAST.length] ?? "";
    const team = index === 0 ? RECEPTION : (TEAMS[index % TEAMS.length] ?? "");
    return person(String(FIRST_EXTENSION + index), `${first} ${last}`, `${first}.${last}`.toLowerCase(), team);
  });
  return { people, queue: person("800", "Support line", "support-line", "Lines"), trunk: person("900", "Outside line", "outside-line", "Lines") };
}

/** The directory file's text of a cast. */
export function castDirectory({ people, queue, trunk }: Cast): string {
  const all = [...people, queue, trunk];
  const teams = [...new Set(people.map(({ team }) => team))];
  const users = all.map(({ id, name, alias, password }) => `  - { id: "${id}", name: ${name}, aliases: [${alias}], password: "${password}" }\n`);
  const groups = teams.map((team) => `  - { id: team-${team.toLowerCase()}, name: ${team}, members: [${people.filter((one) => one.team === team).map(({ id }) => `"${id}"`).join(", ")}] }\n`);
  return `users:\n${users.join("")}groups:\n${groups.join("")}`;
}
