import type { Aor } from "../base/ids.ts";
import type { Flow } from "../sip/transport/transport.ts";
import type { Target } from "./target.ts";

/** Where the devices of an AoR are: what the proxy asks, and the registrar answers. All answers are from memory. */
export interface Location {
  /** The devices of an AoR, highest q first; a device with several flows (RFC 5626) once, by its newest open flow. Empty when none is registered. */
  targets(aor: Aor): readonly Target[];
  /** The one device that a GRUU names (RFC 5627 §5), or null. `gr` is the URI's parameter. */
  gruuTarget(aor: Aor, gr: string): Target | null;
  /** The one device that the user part of a temporary GRUU names (RFC 5627 §3.2), or null. */
  tempGruuTarget(user: string): Target | null;
  /** The device's newest target, when it is registered: for a request whose route token names a flow that is gone. */
  deviceTarget(aor: Aor, device: string): Target | null;
  /** The device of an AoR that sends by that flow, or whose contact URI that is; empty when it is not registered. For the caller's side of a route token. */
  deviceOf(aor: Aor, flow: Flow, contact: string): string;
  /** The open connection by which the device with that contact URI is reached now, or null. */
  flowOfContact(uri: string): Flow | null;
}
