/** Small, so that segments are filled, carried over and used again all the time. */
export const SEGMENT_BYTES = 64 << 10;

const KEYS = 40;

/** The nth change that a test's server makes: known to whoever looks at the store afterwards. */
export function operation(number: number): { readonly key: string; readonly value: { readonly n: number; readonly text: string } | null } {
  return { key: `key-${String((number * 7) % KEYS)}`, value: number % 11 === 0 ? null : { n: number, text: "x".repeat((number * 37) % 600) } };
}
