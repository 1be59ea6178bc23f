import type { Agent, AgentOutcome } from "../agent/agent.ts";
import { aorUser, type Aor } from "../base/ids.ts";
import { randomHex, type Random } from "../base/random.ts";
import { digestAnswer } from "../sip/digest/answer.ts";
import { parseChallenge, type DigestChallenge } from "../sip/digest/challenge.ts";
import type { DigestAlgorithm } from "../sip/digest/hashes.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { unescapeUser } from "../sip/uri.ts";
import { requestUriOf } from "./binding.ts";
import type { RegisteredContact, Registrar } from "./registrar.ts";

/** What became of the request to one phone. */
export interface CheckSyncResult {
  readonly contact: string;
  readonly userAgent: string;
  /** The final status; 0 when there was no answer. */
  readonly status: number;
  /** `reloads`, or why not. */
  readonly outcome: string;
}

/** What it needs. */
export interface CheckSyncDeps {
  readonly agent: Agent;
  readonly registrar: Pick<Registrar, "registered">;
  readonly random: Random;
  /** H(A1) of a person for a realm, or null: a phone may want to know who asks it to restart, and the one secret that it shares with us is its own. */
  readonly ha1Of: (aor: Aor, algorithm: DigestAlgorithm, realm: string) => string | null;
}

/** Asks all phones of a person to read their provisioning again: NOTIFY with `Event: check-sync` outside any dialog, as phones have it. `reboot`: with or without
 *  a restart, for phones that know the parameter; null leaves it to the phone. Nobody can subscribe to it: the first NOTIFY of a subscription would restart
 *  the phone, which would subscribe again. Resolves when every phone has answered, or 32 s have passed. */
export function checkSync(deps: CheckSyncDeps): (aor: Aor, reboot: boolean | null) => Promise<readonly CheckSyncResult[]> {
  return (aor, reboot) => Promise.all(deps.registrar.registered(aor).map((contact) => asked(deps, aor, contact, reboot)));
}

async function asked(deps: CheckSyncDeps, aor: Aor, { binding }: RegisteredContact, reboot: boolean | null): Promise<CheckSyncResult> {
  const { agent, random } = deps;
  const target = requestUriOf(binding.uri);
  const dialog = { callId: randomHex(random, 12), localTag: randomHex(random, 6), remoteTag: "", local: `<${aor}>`, remote: `<${aor}>`, target, routes: binding.path, flow: null };
  const event = `Event: check-sync${reboot === null ? "" : `;reboot=${String(reboot)}`}\r\nSubscription-State: terminated;reason=deactivated\r\n`;
  const send = (cseq: number, credentials: string): Promise<{ readonly outcome: AgentOutcome["kind"]; readonly status: number; readonly answer: string | null }> =>
    new Promise((done) => {
      agent.send(dialog, { method: "NOTIFY", cseq, headers: event + credentials }, (outcome) => {
        const isAsked = outcome.kind === "answered" && (outcome.status === 401 || outcome.status === 407) && credentials === "";
        done({ outcome: outcome.kind, status: outcome.kind === "answered" ? outcome.status : 0, answer: isAsked ? credentialsFor(deps, aor, target, outcome.response) : null });
      });
    });
  let result = await send(1, "");
  if (result.answer !== null) result = await send(2, result.answer);
  return { contact: binding.uri, userAgent: binding.userAgent, status: result.status, outcome: result.outcome === "answered" ? (result.status < 300 ? "reloads" : "refused") : result.outcome };
}

/** The header line that answers a phone's challenge; null when we cannot. */
function credentialsFor({ random, ha1Of }: CheckSyncDeps, aor: Aor, uri: string, response: Message): string | null {
  const isProxy = response.status === 407;
  const challenges: DigestChallenge[] = [];
  const header = isProxy ? Header.proxyAuthenticate : Header.wwwAuthenticate;
  for (let line = response.lineOf(header); line !== -1; line = response.lineOf(header, line)) {
    const read = readable(response.text.slice(response.valueStart(line), response.valueEnd(line)));
    if (read !== null) challenges.push(read);
  }
  const username = unescapeUser(aorUser(aor));
  const answer = digestAnswer({ challenges, method: "NOTIFY", uri, username, ha1: (algorithm, realm) => ha1Of(aor, algorithm, realm), cnonce: randomHex(random, 8), nonceCount: 1 });
  return answer === null ? null : `${isProxy ? "Proxy-Authorization" : "Authorization"}: ${answer}\r\n`;
}

function readable(value: string): DigestChallenge | null {
  try {
    return parseChallenge(value);
  } catch {
    return null;
  }
}
