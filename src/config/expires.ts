import { duration, durationText } from "./quantity.ts";
import type { Expires } from "./quantity.ts";
import { map, mapped, optional, placed } from "./reader.ts";
import type { Key, Placed, Reader } from "./reader.ts";

const secondsMax = 365 * 86_400;

/** A key `{ default, min, max }` of lifetimes. A default that is not written is moved between the two that are. */
export function expires(doc: string, defaultSeconds: number, minSeconds: number, maxSeconds: number): Key<Expires> {
  const keys = {
    default: lifetime("When the phone asks for none.", defaultSeconds),
    min: lifetime("A shorter one is refused with 423.", minSeconds),
    max: lifetime("A longer one is cut to this.", maxSeconds),
  };
  const schema = map(keys, [], "a map such as { default: 1h, min: 60s, max: 24h }");
  const reader: Reader<Expires> = {
    ...schema,
    read(value, name, context) {
      const read = schema.read(value, name, context);
      if (read === undefined) return undefined;
      const { default: usual, min, max } = read;
      if (min.value > max.value) {
        const [wrong, other, sign] = min.offset >= 0 ? [min, max, "most"] : [max, min, "least"];
        const text = durationText(other.value * 1000);
        context.report.mistake(wrong.offset, `"${name}.min" is above "${name}.max"`, `write at ${sign} ${text}`);
        return undefined;
      }
      const kept = Math.min(Math.max(usual.value, min.value), max.value);
      if (kept !== usual.value && usual.offset >= 0) {
        context.report.mistake(usual.offset, `"${name}.default" is not between min and max`, `write ${durationText(min.value * 1000)} to ${durationText(max.value * 1000)}`);
      }
      return { defaultSeconds: kept, minSeconds: min.value, maxSeconds: max.value };
    },
  };
  return optional(doc, reader, { defaultSeconds, minSeconds, maxSeconds }, "");
}

function lifetime(doc: string, seconds: number): Key<Placed<number>> {
  const text = durationText(seconds * 1000);
  const reader = placed(mapped(duration(1000, secondsMax * 1000, text), (ms) => Math.ceil(ms / 1000)));
  return optional(doc, reader, { value: seconds, offset: -1 }, `\`${text}\``);
}
