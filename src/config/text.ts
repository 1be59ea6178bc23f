import { scalar } from "./reader.ts";
import type { Reader } from "./reader.ts";

/** Reads text of `min` to `max` characters without control characters, and of a form if one is given. Numbers are taken as they are written:
 *  `id: 101` is `101`; true and false must stand in quotes. */
export function text(wants: string, min: number, max: number, form?: RegExp): Reader<string> {
  return scalar(wants, (written, type) => {
    const isText = type !== "boolean" && written.length >= min && written.length <= max && !/[\u0000-\u001f\u007f]/.test(written);
    return isText && (form === undefined || form.test(written)) ? written : undefined;
  });
}
