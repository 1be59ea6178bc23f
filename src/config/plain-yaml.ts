import { parseDocument } from "yaml";

/** Texts that are longer are not read: a situation is a page. */
const TEXT_MAX = 1024 * 1024;

/** What a YAML or JSON text says, as plain values; what is wrong with it, in one line, when it is neither. */
export function plainYaml(text: string): { readonly value: unknown } | { readonly mistake: string } {
  if (text.length > TEXT_MAX) return { mistake: `it has more than ${String(TEXT_MAX)} characters` };
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) return { mistake: (error.message.split("\n", 1)[0] ?? "").replace(/:$/, "") };
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return { value };
  } catch (err) {
    return { mistake: err instanceof Error ? err.message : String(err) };
  }
}
