import type { JSX } from "preact";
import { personOf } from "../people.ts";
import { open } from "../person/opened.ts";
import { shortAddress } from "../words.ts";

/** A person's name that leads to why he is shown as he is; the address of a stranger. */
export function PersonLink({ uri }: { readonly uri: string }): JSX.Element {
  const person = personOf(uri);
  if (person === null) return <span>{shortAddress(uri)}</span>;
  return <button type="button" class="link-button" onClick={() => open(uri)}>{person.name} <span class="quiet">{person.id}</span></button>;
}

/** The text by which such a cell is ordered. */
export function personText(uri: string): string {
  const person = personOf(uri);
  return person === null ? shortAddress(uri) : `${person.name} ${person.id}`;
}
