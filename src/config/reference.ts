import { directoryKeys, directorySchema } from "./directory-schema.ts";
import type { Key, Keys, Reader } from "./reader.ts";
import { configKeys, laterConfigKeys } from "./schema.ts";

/** The text of `docs/configuration.md`, made of the schema: `npm run docs` writes it. */
export function configReference(): string {
  return [
    "# Configuration",
    "",
    "<!-- Made from src/config by `npm run docs`: change the schema, not this page. -->",
    "",
    introduction,
    "",
    "## lamplight.yaml",
    "",
    ...pageOf(configKeys),
    "",
    `Refused as not supported yet: ${code(laterConfigKeys)}.`,
    "",
    "## directory.yaml",
    "",
    ...pageOf(directoryKeys),
    "",
    `Refused as not supported yet: ${code(directorySchema.later ?? [])}.`,
    "",
  ].join("\n");
}

const introduction = `\`lamplight check\` reads the configuration and the directory and prints every mistake as \`FILE:LINE:COLUMN: what is wrong; what to write\`.
A key that is not on this page is refused, never ignored. Examples: \`lamplight.example.yaml\`, \`directory.example.yaml\`.

- **Files**: YAML 1.2, UTF-8. Relative paths start at the configuration file's folder.
- **Times**: \`500ms\`, \`10s\`, \`5m\`, \`1h\`, \`2d\`; a bare number is refused. **Sizes**: \`512B\`, \`32kB\`, \`1MB\` (1 kB is 1024 bytes). **Rates**: \`5/min\`, also \`s\`, \`h\`, \`d\`.
- **Environment**: \`\${NAME}\` in any value takes the variable's value; a variable that is not set is a mistake. \`$\${\` stands for a plain \`\${\`.
- **Passwords**: put them in quotes. A file that holds some should be readable by its owner alone (mode 0600).`;

function pageOf(keys: Keys): string[] {
  const lines: string[] = [];
  const plain = Object.entries(keys).filter(([, key]) => key.reader.keys === undefined);
  if (plain.length > 0) lines.push(...table(plain));
  for (const [name, key] of Object.entries(keys)) if (key.reader.keys !== undefined) lines.push(...(lines.length > 0 ? [""] : []), ...sectionOf(name, key, "###"));
  return lines;
}

function sectionOf(name: string, { doc, reader, shown }: Key<unknown>, heading: string): string[] {
  const inner = Object.entries(reader.keys ?? {});
  const lines = [`${heading} ${name}`, "", `${doc}${shown === "" ? "" : ` Default: ${shown}.`}`, "", ...table(inner)];
  if ((reader.later ?? []).length > 0) lines.push("", `Refused as not supported yet: ${code(reader.later ?? [])}.`);
  for (const [innerName, key] of inner) if (key.reader.keys !== undefined) lines.push("", ...sectionOf(`${name}.${innerName}`, key, "####"));
  return lines;
}

function table(keys: readonly (readonly [string, Key<unknown>])[]): string[] {
  return ["| key | what it means | write | default |", "|---|---|---|---|", ...keys.map(([name, key]) => row(name, key))];
}

function row(name: string, { doc, reader, shown, isRequired }: Key<unknown>): string {
  return `| \`${name}\` | ${cell(doc)} | ${cell(wanted(reader))} | ${isRequired ? "**must be written**" : cell(shown)} |`;
}

function wanted({ wants, keys }: Reader<unknown>): string {
  return keys === undefined ? wants : `${wants}: see below`;
}

function code(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(", ");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
