import type { DnsCache, DnsResult } from "../../dns/cache.ts";
import type { Hop } from "../transport/transport.ts";
import { literalHops, locationSteps } from "./location-steps.ts";
import type { LocationRules, Questions, ResolverTarget } from "./location-steps.ts";

/** Finds where a request goes (RFC 3263 §4). */
export interface Resolver {
  /** The hops to try in order, at most 16; none when there is no way to the target, or DNS is down and nothing is known. At once, without a promise, for IP
   *  addresses and for names whose records are all in the cache. Never throws and never rejects. */
  resolve(target: ResolverTarget): readonly Hop[] | Promise<readonly Hop[]>;
}

/** A resolver over a DNS cache. */
export function createResolver(deps: { readonly dns: Pick<DnsCache, "lookup"> } & LocationRules): Resolver {
  const { dns } = deps;
  const answersTo = (questions: Questions): readonly (DnsResult | Promise<DnsResult>)[] => questions.map(({ name, type }) => dns.lookup(name, type));

  return {
    resolve(target) {
      const known = literalHops(target, deps);
      if (known !== null) return known;
      const steps = locationSteps(target, deps);
      for (let step = steps.next(); ; ) {
        if (step.done === true) return step.value;
        const answers = answersTo(step.value);
        const known = answers.filter((answer): answer is DnsResult => !(answer instanceof Promise));
        if (known.length < answers.length) return finish(steps, answers);
        step = steps.next(known);
      }
    },
  };

  async function finish(steps: ReturnType<typeof locationSteps>, first: readonly (DnsResult | Promise<DnsResult>)[]): Promise<readonly Hop[]> {
    let step = steps.next(await all(first));
    while (step.done !== true) step = steps.next(await all(answersTo(step.value)));
    return step.value;
  }
}

function all(answers: readonly (DnsResult | Promise<DnsResult>)[]): Promise<readonly DnsResult[]> {
  return Promise.all(answers.map((answer) => Promise.resolve(answer)));
}
