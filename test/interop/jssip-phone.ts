import JsSIP from "jssip";
import { onTestFinished } from "vitest";
import WebSocket from "ws";
import { within } from "./program.ts";
import { phoneAddress } from "./surroundings.ts";

/** A call as JsSIP sees it. */
export interface JsCall {
  /** Resolves when the call is established both ways (ACK sent or received). */
  readonly confirmed: Promise<void>;
  /** Resolves with who ended it (`local` or `remote`) and the cause; also when it failed. */
  readonly ended: Promise<{ readonly by: string; readonly cause: string }>;
  answer(): void;
  hangUp(): void;
}

/** JsSIP 3 in Node, registered over WebSocket (RFC 7118) as one user; its media is a stub that speaks plain RTP/AVP in SDP. */
export interface JsSipPhone {
  readonly uri: string;
  call(uri: string): JsCall;
  /** Resolves with the next call that comes in. */
  incoming(withinMs?: number): Promise<JsCall>;
  /** Resolves when the next registration after now is answered 200: after the connection was lost and made again. */
  registeredAgain(withinMs?: number): Promise<void>;
}

/** How to make one phone. */
export interface JsSipSettings {
  readonly webSocket: string;
  readonly domain: string;
  readonly user: string;
  readonly password: string;
}

const waitMs = 15_000;

/** Starts JsSIP and waits until it has registered; it is stopped when the current test ends. */
export async function startJsSip({ webSocket, domain, user, password }: JsSipSettings): Promise<JsSipPhone> {
  layMediaStub();
  const uri = `sip:${user}@${domain}`;
  const ua = new Ua({
    sockets: [new JsSIP.WebSocketInterface(webSocket)],
    uri,
    authorization_user: user,
    password,
    register_expires: 120,
    session_timers: false,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 2,
  });
  const waitingCalls: JsCall[] = [];
  const callTakers: ((call: JsCall) => void)[] = [];
  ua.on("newRTCSession", ({ originator, session }) => {
    if (originator !== "remote") return;
    const call = asCall(session);
    const taker = callTakers.shift();
    if (taker === undefined) waitingCalls.push(call);
    else taker(call);
  });
  const nextRegistration = (withinMs = waitMs): Promise<void> =>
    within(
      new Promise<void>((resolve, reject) => {
        ua.once("registered", () => resolve());
        ua.once("registrationFailed", ({ cause }) => reject(new Error(`JsSIP ${user} could not register: ${cause}`)));
      }),
      withinMs,
      () => `JsSIP ${user} did not register`,
    );
  const first = nextRegistration();
  ua.start();
  onTestFinished(() => ua.stop());
  await first;
  return {
    uri,
    call: (to) => asCall(ua.call(to, silent)),
    incoming: (withinMs = waitMs) =>
      within(
        new Promise<JsCall>((resolve) => {
          const call = waitingCalls.shift();
          if (call === undefined) callTakers.push(resolve);
          else resolve(call);
        }),
        withinMs,
        () => `no call came to JsSIP ${user}`,
      ),
    registeredAgain: nextRegistration,
  };
}

// JsSIP's own types need the browser's; these are the parts that are used here.
interface Session {
  on(event: "confirmed", run: () => void): void;
  on(event: "ended" | "failed", run: (how: { readonly originator: string; readonly cause: string }) => void): void;
  answer(options: typeof silent): void;
  terminate(): void;
}
interface UserAgent {
  on(event: "newRTCSession", run: (made: { readonly originator: string; readonly session: Session }) => void): void;
  once(event: "registered", run: () => void): void;
  once(event: "registrationFailed", run: (why: { readonly cause: string }) => void): void;
  start(): void;
  stop(): void;
  call(uri: string, options: typeof silent): Session;
}
const Ua = JsSIP.UA as unknown as new (configuration: object) => UserAgent;
const silent = { mediaConstraints: { audio: false, video: false } };

function asCall(session: Session): JsCall {
  const established = new Promise<void>((resolve, reject) => {
    session.on("confirmed", () => resolve());
    session.on("failed", ({ originator, cause }) => reject(new Error(`the call failed: ${cause} (${originator})`)));
  });
  const confirmed = within(established, waitMs, () => "the call was not established");
  // A test of a call that is not meant to be established does not look.
  confirmed.catch(() => undefined);
  const ended = new Promise<{ by: string; cause: string }>((resolve) => {
    for (const event of ["ended", "failed"] as const) session.on(event, ({ originator, cause }) => resolve({ by: originator, cause }));
  });
  return {
    confirmed,
    ended,
    answer: () => session.answer(silent),
    hangUp: () => session.terminate(),
  };
}

const sdp = [
  "v=0",
  `o=- 1 1 IN IP4 ${phoneAddress}`,
  "s=-",
  `c=IN IP4 ${phoneAddress}`,
  "t=0 0",
  "m=audio 30000 RTP/AVP 0 8",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:8 PCMA/8000",
  "a=sendrecv",
  "",
].join("\r\n");

class StubPeerConnection {
  readonly iceConnectionState = "connected";
  readonly iceGatheringState = "complete";
  readonly signalingState = "stable";
  localDescription: unknown = null;
  addEventListener(): void {
    /* nothing ever happens to it */
  }
  removeEventListener(): void {
    /* see above */
  }
  getSenders(): readonly unknown[] {
    return [];
  }
  createOffer(): Promise<unknown> {
    return Promise.resolve({ type: "offer", sdp });
  }
  createAnswer(): Promise<unknown> {
    return Promise.resolve({ type: "answer", sdp });
  }
  setLocalDescription(description: unknown): Promise<void> {
    this.localDescription = description;
    return Promise.resolve();
  }
  setRemoteDescription(): Promise<void> {
    return Promise.resolve();
  }
  close(): void {
    /* nothing is open */
  }
}

class StubSessionDescription {
  readonly type: string;
  readonly sdp: string;
  constructor({ type, sdp: text }: { type: string; sdp: string }) {
    this.type = type;
    this.sdp = text;
  }
}

/** What a browser would have and Node has not; JsSIP looks for it under these names. */
function layMediaStub(): void {
  Object.assign(globalThis, {
    RTCPeerConnection: StubPeerConnection,
    RTCSessionDescription: StubSessionDescription,
    WebSocket,
    window: { RTCPeerConnection: StubPeerConnection },
  });
}
