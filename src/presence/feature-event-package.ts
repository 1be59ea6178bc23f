import { ParseError } from "../base/errors.ts";
import { aorUser, type Aor } from "../base/ids.ts";
import { FEATURE_EVENT_TYPE, FORWARDING_TYPES, parseFeatureRequest, renderFeatureEvents, type FeatureRequest, type ForwardingType, type LineFeature } from "../documents/feature-event.ts";
import { unescapeUser } from "../sip/uri.ts";
import type { EventPackage, Publishing, Rendered, Watching } from "../subscription/event-package.ts";
import type { DoNotDisturb } from "./do-not-disturb.ts";

/** Forwarding as feature keys see it. Null until a server has it: then phones that ask for it are told so, and only do-not-disturb is shown. */
export interface LineForwarding {
  rule(aor: Aor, type: ForwardingType): { readonly isOn: boolean; readonly to: string; readonly ringCount: number };
  /** Changes a rule; `to` and `ringCount` are null to stay as they are. False when the target is no address. */
  set(aor: Aor, type: ForwardingType, change: { readonly isOn: boolean; readonly to: string | null; readonly ringCount: number | null }): boolean;
}

/** Event package `as-feature-event` (BroadSoft's feature key synchronization): a phone's own do-not-disturb key, lit and pressed on all phones of the person.
 *  A SUBSCRIBE with a body switches a feature, one without asks for all of them. Nobody but the person himself may. */
export function featureEventPackage(deps: { readonly doNotDisturb: Pick<DoNotDisturb, "isOn" | "set">; readonly forwarding: LineForwarding | null }): EventPackage {
  const { doNotDisturb, forwarding } = deps;

  const featuresOf = (aor: Aor): readonly LineFeature[] => [
    { kind: "do-not-disturb", isOn: doNotDisturb.isOn(aor) },
    ...(forwarding === null ? [] : FORWARDING_TYPES.map((type) => ({ kind: "forwarding" as const, type, ...forwarding.rule(aor, type) }))),
  ];
  const change = (aor: Aor, request: FeatureRequest): Publishing => {
    if (request.kind === "do-not-disturb") {
      doNotDisturb.set(aor, request.isOn);
      return TAKEN;
    }
    // 403 and not 501 or 404: those would end the phone's subscription with the request (RFC 5057 §5.1).
    if (forwarding === null) return { kind: "refused", status: 403, reason: "Forbidden: there is no forwarding here" };
    return forwarding.set(aor, request.type, request) ? TAKEN : { kind: "refused", status: 403, reason: "Forbidden: calls cannot be forwarded there" };
  };

  return {
    name: "as-feature-event",
    types: forwarding === null ? [FEATURE_EVENT_TYPE] : [FEATURE_EVENT_TYPE, "multipart/mixed"],
    publishTypes: [],

    admits: ({ watcher, resource }) => (watcher === resource ? null : { status: 403, reason: "Forbidden: another's features" }),

    render({ resource }: Watching): Rendered {
      const { contentType, body } = renderFeatureEvents(unescapeUser(aorUser(resource)), featuresOf(resource));
      return { contentType, head: body, tail: "", isVersioned: false };
    },

    told({ resource }, contentType, body): Publishing {
      if (contentType !== FEATURE_EVENT_TYPE) return { kind: "refused", status: 415, reason: "Unsupported Media Type", headers: `Accept: ${FEATURE_EVENT_TYPE}\r\n` };
      try {
        return change(resource, parseFeatureRequest(body));
      } catch (err) {
        if (!(err instanceof ParseError)) throw err;
        return { kind: "refused", status: 400, reason: "Bad Request: unreadable feature request" };
      }
    },
  };
}

const TAKEN: Publishing = { kind: "taken" };
