import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/base/clock.ts";
import { keyedHash } from "../../src/base/keyed-hash.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { forwardedRequest, forwardedResponse } from "../../src/proxy/forward.ts";
import { parseAuthorization } from "../../src/sip/digest/credentials.ts";
import { createNonces } from "../../src/sip/digest/nonces.ts";
import { judge, responseOf } from "../../src/sip/digest/response.ts";
import { noEdits } from "../../src/sip/edits.ts";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { nativeScan } from "../../src/sip/native-scan.ts";
import { useScanner, type ScannerMaker } from "../../src/sip/scanner.ts";
import { TransactionLayer } from "../../src/sip/transaction/layer.ts";
import { standardTimes } from "../../src/sip/transaction/machine.ts";
import { parseSipUri } from "../../src/sip/uri.ts";
import { parseVia } from "../../src/sip/via.ts";
import { flow, INVITE, ringing } from "./messages.ts";
import { keep, type MicroCase } from "./measure.ts";

const random = systemRandom();
/** Where a message is written for the socket: a spliced text is put together only then. */
const packet = Buffer.alloc(65_536);

/** What is read of every INVITE on its way. */
function read(message: Message): void {
  keep(message.topVia);
  keep(message.callId);
  keep(message.fromTag);
  keep(message.toTag);
  keep(message.maxForwards);
  keep(message.lineOf(Header.route));
  keep(message.contentLength);
}

/** Calls `once` as often as asked. */
function repeated(name: string, once: (turn: number) => void): MicroCase {
  return {
    name,
    run: (times) => {
      for (let turn = 0; turn < times; turn++) once(turn);
    },
  };
}

function parsing(name: string): MicroCase {
  const message = new Message();
  return repeated(name, () => {
    if (message.parse(INVITE) !== null) throw new Error("not read");
    read(message);
  });
}

/** The native scanner, or null where it is not built. */
function builtScanner(): ScannerMaker | null {
  try {
    return nativeScan(fileURLToPath(new URL("../native/build/scan.node", import.meta.url)));
  } catch {
    return null;
  }
}

function scannedBy(maker: ScannerMaker | null, { name, run }: MicroCase): MicroCase {
  return {
    name,
    run: (times) => {
      useScanner(maker);
      run(times);
    },
  };
}

/** Reading, forwarding, matching and checking of messages. The native scanner serves all that come after it, as it does in the server. */
export function sipCases(): readonly MicroCase[] {
  const native = builtScanner();
  const parse = `parse an INVITE of ${INVITE.length} bytes`;
  const cases: MicroCase[] = [scannedBy(null, parsing(`${parse}, in JavaScript`))];
  if (native !== null) cases.push(scannedBy(native, parsing(`${parse}, scanned natively`)));
  useScanner(native);

  const invite = Message.of(INVITE);
  const how = { uri: "sip:2102@192.0.2.10:5060", routesOff: 0, routes: [], recordRoute: "Record-Route: <sip:t1.0a0b0c0d0e0f@192.0.2.1;lr>\r\n", branch: "z9hG4bK0a1b2c.1.2.3", realm: "tel.example.test", edits: noEdits };
  cases.push(repeated("forward it: Via and Record-Route on, spliced, written into a packet", () => keep(packet.write(forwardedRequest(invite, flow, flow, how), 0, "latin1"))));
  const answer = Message.of(ringing("z9hG4bK0a1b2c.1.2.3"));
  cases.push(repeated("forward a response, written into a packet", () => keep(packet.write(forwardedResponse(answer), 0, "latin1"))));
  cases.push(matching());

  const via = "SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1889472014;rport";
  cases.push(repeated("read a Via", () => keep(parseVia(via, 0, via.length))));
  cases.push(repeated("read a URI", () => keep(parseSipUri("sip:2101@192.0.2.9:5062;transport=tcp;line=7f3a"))));
  cases.push(digest());
  return cases;
}

function matching(): MicroCase {
  const layer = new TransactionLayer({
    transports: { listeners: [flow.listener], start: () => Promise.resolve(), open: () => flow, connection: () => null, stop: () => Promise.resolve() },
    wheel: new TimerWheel(systemClock),
    random,
    hash: keyedHash(new Uint8Array(16)),
    times: standardTimes,
    transactionsMax: 1000,
    log: silentLog,
    logsSip: false,
  });
  const transaction = layer.open("INVITE", { onResponse: (_id, response) => keep(response.status), onTimeout: () => undefined, onUnreachable: () => undefined, onCancel: () => undefined });
  const branch = layer.table.branch(transaction, layer.serverId, "0");
  layer.send(transaction, INVITE.replace("z9hG4bK1889472014", branch), flow);
  const text = ringing(branch);
  return repeated("parse a 180 and match it to its transaction", () => {
    layer.onMessage(text, flow);
  });
}

function digest(): MicroCase {
  const nonces = createNonces({ clock: systemClock, random, secret: Buffer.alloc(32, 7) });
  const nonce = nonces.issue();
  const ha1 = createHash("md5").update("2101:tel.example.test:secret").digest("hex");
  let count = 0;
  const line = (): string => {
    const nc = (++count).toString(16).padStart(8, "0");
    const response = responseOf({ algorithm: "MD5", isSession: false, ha1, method: "REGISTER", uri: "sip:tel.example.test", nonce, qop: "auth", nc, cnonce: "0a4f113b", body: "" });
    return `Digest username="2101", realm="tel.example.test", nonce="${nonce}", uri="sip:tel.example.test", response="${response}", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=${nc}`;
  };
  // Each count of a nonce serves once, so the right answer must be made each time: it hashes as much as the check does, and its part is in the figure.
  return repeated("make and check a digest (credentials read, MD5, nonce and count)", () => {
    const credentials = parseAuthorization(line());
    if (credentials === null || judge({ credentials, method: "REGISTER", ha1 }, nonces) !== "right") throw new Error("refused");
  });
}
