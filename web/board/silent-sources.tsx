import { useComputed } from "@preact/signals";
import type { JSX } from "preact";
import { dependsOn } from "../depends.ts";
import { people, revision } from "../people.ts";

/** Says plainly that a source which should speak says nothing. */
export function SilentSources(): JSX.Element | null {
  const silent = useComputed(() => {
    dependsOn(revision);
    const found = new Map<string, { count: number; reason: string; first: string }>();
    for (const person of people.value) {
      for (const { source, reason } of person.tile.peek().silent) {
        const known = found.get(source);
        if (known === undefined) found.set(source, { count: 1, reason, first: person.name });
        else known.count++;
      }
    }
    return [...found].map(([source, { count, reason, first }]) => `The ${source} of ${count === 1 ? first : `${String(count)} people`} is silent: ${reason}`);
  });
  if (silent.value.length === 0) return null;
  return (
    <div class="notice" role="status">
      {silent.value.map((text) => (
        <p key={text}>{text}</p>
      ))}
    </div>
  );
}
