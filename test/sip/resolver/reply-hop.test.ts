import { expect, test } from "vitest";
import { replyTargets } from "../../../src/sip/resolver/reply-hop.ts";
import type { ReplyVia } from "../../../src/sip/resolver/reply-hop.ts";
import type { ResolverTarget } from "../../../src/sip/resolver/location-steps.ts";

test.each<[string, ReplyVia, readonly ResolverTarget[]]>([
  ["UDP with rport goes where it came from", { protocol: "udp", host: "192.168.0.5", port: 5060, received: "203.0.113.9", rport: 40_000 }, [{ host: "203.0.113.9", port: 40_000, transport: "udp", secure: false }]],
  ["UDP without rport goes to the sent-by port", { protocol: "udp", host: "pc.test", port: 5070, received: "203.0.113.9" }, [{ host: "203.0.113.9", port: 5070, transport: "udp", secure: false }]],
  ["and to 5060 when there is none", { protocol: "udp", host: "pc.test", port: 0, received: "203.0.113.9" }, [{ host: "203.0.113.9", port: 5060, transport: "udp", secure: false }]],
  ["UDP from the address it says", { protocol: "udp", host: "10.0.0.1", port: 0 }, [{ host: "10.0.0.1", port: 5060, transport: "udp", secure: false }]],
  ["UDP with rport and no received", { protocol: "udp", host: "10.0.0.1", port: 5060, rport: 6000 }, [{ host: "10.0.0.1", port: 6000, transport: "udp", secure: false }]],
  ["a name without a port is looked up with SRV", { protocol: "udp", host: "pc.test", port: 0 }, [{ host: "pc.test", transport: "udp", secure: false }]],
  ["a name with a port is looked up without", { protocol: "udp", host: "pc.test", port: 5070 }, [{ host: "pc.test", port: 5070, transport: "udp", secure: false }]],
  ["maddr beats received", { protocol: "udp", host: "pc.test", port: 5070, maddr: "10.0.0.8", received: "203.0.113.9" }, [{ host: "10.0.0.8", port: 5070, transport: "udp", secure: false }]],
  ["a multicast maddr is passed over", { protocol: "udp", host: "pc.test", port: 5070, maddr: "224.0.1.75", received: "203.0.113.9" }, [{ host: "203.0.113.9", port: 5070, transport: "udp", secure: false }]],
  ["so is an IPv6 one", { protocol: "udp", host: "pc.test", port: 5070, maddr: "[ff02::1]", received: "203.0.113.9" }, [{ host: "203.0.113.9", port: 5070, transport: "udp", secure: false }]],
  [
    "TCP: the address it came from at the sent-by port, then sent-by",
    { protocol: "tcp", host: "pc.test", port: 0, received: "203.0.113.9", rport: 40_000 },
    [
      { host: "203.0.113.9", port: 5060, transport: "tcp", secure: false },
      { host: "pc.test", transport: "tcp", secure: false },
    ],
  ],
  ["TCP from the address it says, once", { protocol: "tcp", host: "[2001:db8::1]", port: 5066, received: "2001:db8::1" }, [{ host: "2001:db8::1", port: 5066, transport: "tcp", secure: false }]],
  ["TLS", { protocol: "tls", host: "10.0.0.1", port: 0 }, [{ host: "10.0.0.1", port: 5061, transport: "tls", secure: true }]],
  ["WebSocket clients cannot be called", { protocol: "wss", host: "x.invalid", port: 0, received: "203.0.113.9" }, []],
])("%s", (_, via, expected) => {
  expect(replyTargets(via)).toEqual(expected);
});
