import { fileURLToPath } from "node:url";
import { UnavailableError } from "../../../src/base/errors.ts";
import { nativeUdpEngine } from "../../../src/sip/transport/native-udp.ts";
import { nodeUdpEngine } from "../../../src/sip/transport/udp.ts";
import type { UdpEngine } from "../../../src/sip/transport/udp.ts";

/** The native engine as `npm ci` has built it, or null where it could not be built. */
export const builtNativeEngine: UdpEngine | null = loaded();

/** Both engines; what is tested on them is skipped where there is none. */
export const udpEngines: readonly (readonly [name: string, engine: UdpEngine | null])[] = [
  ["node's own", nodeUdpEngine],
  ["native", builtNativeEngine],
];

/** The engine that a whole server in a test runs on: as the real one chooses. */
export const chosenUdpEngine: UdpEngine = process.env["LAMPLIGHT_UDP"] === "dgram" ? nodeUdpEngine : (builtNativeEngine ?? nodeUdpEngine);

function loaded(): UdpEngine | null {
  try {
    return nativeUdpEngine(fileURLToPath(new URL("../../../native/build/udp.node", import.meta.url)));
  } catch (err) {
    if (err instanceof UnavailableError) return null;
    throw err;
  }
}
