/** A value of a YAML file and where it stands: `offset` counts characters from 0. */
export type Value = ScalarValue | ListValue | MapValue;

/** A number, word or quoted text. `text` has its environment variables filled in; `written` is what stands in the file.
 *  `free`: it came from the environment and may be text, a number or a truth. `refused`: a variable was missing, which is reported already. */
export interface ScalarValue {
  readonly kind: "scalar";
  readonly type: "text" | "number" | "boolean" | "null" | "free" | "refused";
  readonly text: string;
  readonly written: string;
  readonly offset: number;
}

/** A list as it stands in the file. */
export interface ListValue {
  readonly kind: "list";
  readonly items: readonly Value[];
  readonly offset: number;
}

/** A map as it stands in the file. */
export interface MapValue {
  readonly kind: "map";
  readonly entries: readonly MapEntry[];
  readonly offset: number;
}

/** One `key: value` line; `offset` is the key's. */
export interface MapEntry {
  readonly key: string;
  readonly offset: number;
  readonly value: Value;
}
