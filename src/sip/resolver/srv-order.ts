import type { Random } from "../../base/random.ts";
import type { SrvData } from "../../dns/codec.ts";

/** SRV records in the order they are to be tried: lowest priority first, among equals drawn by weight, those of weight 0 with a very
 *  small chance of coming before others (RFC 2782, "Weight"). */
export function srvOrder<Record extends SrvData>(records: readonly Record[], random: Random): readonly Record[] {
  const waiting = [...records].sort((a, b) => a.priority - b.priority || Number(a.weight !== 0) - Number(b.weight !== 0));
  const ordered: Record[] = [];
  while (waiting.length > 0) {
    const [first] = waiting;
    if (first === undefined) break;
    const end = waiting.findIndex((record) => record.priority !== first.priority);
    const group = end === -1 ? waiting.length : end;
    const sum = waiting.slice(0, group).reduce((total, record) => total + record.weight, 0);
    let mark = random.below(sum + 1);
    let at = 0;
    for (; at < group - 1; at++) {
      mark -= waiting[at]?.weight ?? 0;
      if (mark <= 0) break;
    }
    ordered.push(...waiting.splice(at, 1));
  }
  return ordered;
}
