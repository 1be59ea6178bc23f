import { ParseError } from "../base/errors.ts";
import { childOf, parseXml, type XmlElement } from "./xml.ts";
import { bytesOf, escapeSipText } from "./xml-text.ts";

/** When a forwarding rule applies, as feature key synchronization names it. */
export const FORWARDING_TYPES = ["forwardImmediate", "forwardBusy", "forwardNoAns"] as const;

/** One of them: `forwardBusy`. */
export type ForwardingType = (typeof FORWARDING_TYPES)[number];

/** One feature of a person's line, as the phone's key shows it. Texts are bytes as latin1. */
export type LineFeature =
  | { readonly kind: "do-not-disturb"; readonly isOn: boolean }
  | { readonly kind: "forwarding"; readonly type: ForwardingType; readonly isOn: boolean; readonly to: string; /** Rings before a call that is not answered goes on; 0 when that says nothing. */ readonly ringCount: number };

/** What a phone asks to be changed. `to` and `ringCount` are null when it leaves them as they are. */
export type FeatureRequest =
  | { readonly kind: "do-not-disturb"; readonly isOn: boolean }
  | { readonly kind: "forwarding"; readonly type: ForwardingType; readonly isOn: boolean; readonly to: string | null; readonly ringCount: number | null };

/** The media type of one feature; several stand in `multipart/mixed`. */
export const FEATURE_EVENT_TYPE = "application/x-as-feature-event+xml";

const NAMESPACE = "http://www.ecma-international.org/standards/ecma-323/csta/ed3";
const BOUNDARY = "lamplight-feature-event";

/** What a phone is told of its features (bytes as latin1): one document, or one a part when there are several. `device` is the extension. */
export function renderFeatureEvents(device: string, features: readonly LineFeature[]): { readonly contentType: string; readonly body: string } {
  const documents = features.map((feature) => featureDocument(device, feature));
  const [only, second] = documents;
  if (only !== undefined && second === undefined) return { contentType: FEATURE_EVENT_TYPE, body: only };
  const parts = documents.map((text) => `--${BOUNDARY}\r\nContent-Type: ${FEATURE_EVENT_TYPE}\r\nContent-Length: ${text.length}\r\n\r\n${text}\r\n`);
  return { contentType: `multipart/mixed;boundary=${BOUNDARY}`, body: `${parts.join("")}--${BOUNDARY}--\r\n` };
}

/** Reads what a phone sends within SUBSCRIBE. Throws ParseError when it is no XML or asks for nothing that is known. */
export function parseFeatureRequest(body: string): FeatureRequest {
  const root = parseXml(body);
  switch (root.name) {
    case "SetDoNotDisturb":
      return { kind: "do-not-disturb", isOn: truth(root, "doNotDisturbOn") };
    case "SetForwarding": {
      const type = FORWARDING_TYPES.find((one) => one === childOf(root, "forwardingType")?.text);
      if (type === undefined) throw new ParseError("SetForwarding without a known forwardingType");
      const to = childOf(root, "forwardDN")?.text;
      const rings = childOf(root, "ringCount")?.text ?? "";
      return { kind: "forwarding", type, isOn: truth(root, "activateForward"), to: to === undefined ? null : bytesOf(to), ringCount: /^\d{1,3}$/.test(rings) ? Number(rings) : null };
    }
    default:
      throw new ParseError(`a feature request is SetDoNotDisturb or SetForwarding, not ${root.name.slice(0, 40)}`);
  }
}

function featureDocument(device: string, feature: LineFeature): string {
  const head = `<?xml version="1.0" encoding="UTF-8"?>\n`;
  const name = feature.kind === "do-not-disturb" ? "DoNotDisturbEvent" : "ForwardingEvent";
  const inside =
    feature.kind === "do-not-disturb"
      ? ` <doNotDisturbOn>${String(feature.isOn)}</doNotDisturbOn>\n`
      : ` <forwardingType>${feature.type}</forwardingType>\n <forwardStatus>${String(feature.isOn)}</forwardStatus>\n <forwardTo>${escapeSipText(feature.to)}</forwardTo>\n` +
        (feature.ringCount > 0 ? ` <ringCount>${feature.ringCount}</ringCount>\n` : "");
  return `${head}<${name} xmlns="${NAMESPACE}">\n <device>${escapeSipText(device)}</device>\n${inside}</${name}>\n`;
}

function truth(root: XmlElement, name: string): boolean {
  const word = childOf(root, name)?.text.toLowerCase();
  if (word === "true" || word === "1") return true;
  if (word === "false" || word === "0") return false;
  throw new ParseError(`${root.name} without a ${name} of true or false`);
}
