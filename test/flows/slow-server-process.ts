import { mkdirSync } from "node:fs";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { loadConfig } from "../../src/config/loader.ts";
import { createServer } from "../../src/server.ts";
import { nativeUdpEngine } from "../../src/sip/transport/native-udp.ts";
import { systemTransports } from "../../src/sip/transport/system-transports.ts";
import type { UdpEngine } from "../../src/sip/transport/udp.ts";
import { memoryStore } from "../../src/store/memory-store.ts";

// A whole server on real sockets, on a machine that is made slow: to pass a call on takes `burnMs` of it. `node … '{ config, nativePath, burnMs }'`, with an IPC channel: it tells its
// port, and answers every message with what it holds.
interface Order {
  readonly config: string;
  readonly nativePath: string;
  readonly burnMs: number;
}

const order = JSON.parse(process.argv[2] ?? "{}") as Order;
const native = nativeUdpEngine(order.nativePath);
const slow: UdpEngine = {
  name: "slow",
  async bind(address, port, on) {
    const socket = await native.bind(address, port, on);
    return {
      port: socket.port,
      close: () => socket.close(),
      send(text, ...to) {
        if (text.startsWith("INVITE ")) for (const end = performance.now() + order.burnMs; performance.now() < end; );
        socket.send(text, ...to);
      },
    };
  },
};

const { config, directory } = loadConfig(order.config, {}, systemClock.now());
mkdirSync(config.storePath, { recursive: true });
const transports = systemTransports({ listen: config.listen, clock: systemClock, log: silentLog, udpEngine: slow });
const server = createServer(config, directory, {
  clock: systemClock,
  random: systemRandom(),
  transports,
  store: memoryStore({ node: "slow", clock: systemClock }),
  resolver: { resolve: ({ host, port, transport }) => [{ protocol: transport ?? "udp", address: host, port: port ?? 5060 }] },
  log: silentLog,
});
await server.start();
process.on("message", () => {
  process.send?.({ rssBytes: process.memoryUsage().rss, transactions: server.layer.table.count, shed: server.gate.shed, isLimiting: server.gate.isLimiting, calls: server.dialogs.calls().length });
});
process.once("disconnect", () => process.exit(0));
process.send?.({ port: transports.listeners[0]?.port });
