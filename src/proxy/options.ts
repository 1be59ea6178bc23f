import { Header } from "../sip/header-name.ts";
import type { Feature } from "./feature.ts";
import { ALLOW } from "./pipeline.ts";
import { goOn, handled } from "./verdict.ts";

/** Answers what is meant for the server itself, without a user (RFC 3261 §11): OPTIONS, which peers send to see whether we live, with what we can do. */
export function options(deps: { readonly events: readonly string[] }): Feature {
  const allowEvents = deps.events.length === 0 ? "" : `Allow-Events: ${deps.events.join(", ")}\r\n`;
  return {
    name: "options",
    after: [],
    onRequest(call) {
      const { message } = call;
      // A request within a dialog of ours bears our Contact, which has no user either: it is the subscription's.
      if (!call.isOurs || call.uri.user !== null || message.method === "REGISTER" || call.nextRoute !== null || message.hasToTag) return goOn;
      const unknown = message.values(Header.require);
      if (unknown.length > 0) call.reply({ status: 420, headers: `Unsupported: ${unknown.join(", ").replace(/\s+/g, " ")}\r\n` });
      else if (message.method !== "OPTIONS") call.reply({ status: 405, headers: ALLOW });
      else call.reply({ status: 200, headers: `${ALLOW}Accept: application/sdp, application/pidf+xml, application/dialog-info+xml\r\nAccept-Encoding: identity\r\nAccept-Language: en\r\nSupported: path, outbound, gruu\r\n${allowEvents}` });
      return handled;
    },
  };
}
