import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { buildSync } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { nativeUdpEngine } from "../../../src/sip/transport/native-udp.ts";
import type { UdpEngine, UdpSocket } from "../../../src/sip/transport/udp.ts";
import { builtNativeEngine } from "./udp-engines.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const addonPath = join(root, "native/build/udp.node");
const folder = mkdtempSync(join(tmpdir(), "lamplight-udp-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cleanUp: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

/** A datagram as a socket under test hands it over. */
interface Arrived {
  readonly text: string;
  readonly address: string;
  readonly port: number;
  readonly localAddress: string | undefined;
}

/** A bound socket under test with what it has seen. */
class Bound {
  readonly arrived: Arrived[] = [];
  readonly errors: Error[] = [];
  onEach: (one: Arrived) => void = () => undefined;
  beforeLeave: () => void = () => undefined;
  socket!: UdpSocket;
  #waiters: (() => void)[] = [];

  static async to(engine: UdpEngine, address: string, port = 0): Promise<Bound> {
    const bound = new Bound();
    bound.socket = await engine.bind(address, port, {
      datagram: (text, from, fromPort, localAddress) => {
        const one = { text, address: from, port: fromPort, localAddress };
        bound.arrived.push(one);
        bound.onEach(one);
        bound.#wake();
      },
      error: (error) => {
        bound.errors.push(error);
        bound.#wake();
      },
      beforeLeave: () => {
        bound.beforeLeave();
      },
    });
    cleanUp.push(() => bound.socket.close());
    return bound;
  }

  async until(isEnough: () => boolean): Promise<void> {
    while (!isEnough()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

/** A peer with a buffer that a whole test's traffic fits in. */
async function peer(address = "127.0.0.1"): Promise<{ readonly client: Socket; readonly port: number; readonly texts: string[]; readonly from: string[]; until(count: number): Promise<void> }> {
  const client = createSocket({ type: address.includes(":") ? "udp6" : "udp4", recvBufferSize: 4 * 1024 * 1024 });
  const texts: string[] = [];
  const from: string[] = [];
  let wake = (): void => undefined;
  client.on("message", (bytes, remote) => {
    texts.push(bytes.toString("latin1"));
    from.push(remote.address);
    wake();
  });
  await new Promise<void>((resolve) => client.bind(0, address, resolve));
  cleanUp.push(() => new Promise((resolve) => client.close(() => resolve())));
  const until = async (count: number): Promise<void> => {
    while (texts.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { client, port: client.address().port, texts, from, until };
}

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === "::1"));
const everyByte = Array.from({ length: 256 }, (_, at) => String.fromCharCode(at)).join("");

describe.skipIf(builtNativeEngine === null)("the native engine", () => {
  const engine = builtNativeEngine ?? nativeUdpEngine("/nowhere");

  test("datagrams of every size and byte arrive whole and unmixed, and go back so", async () => {
    const bound = await Bound.to(engine, "127.0.0.1");
    bound.onEach = ({ text, address, port }) => bound.socket.send(text, address, port);
    const { client, texts, until } = await peer();
    const sent = [0, 1, 4095, 4096, 4097, 65_507, 3, 9000, 65_506, 4096, 500].map((length, at) => everyByte.slice(at).repeat(Math.ceil(length / 245)).slice(0, length));
    for (const text of sent) client.send(Buffer.from(text, "latin1"), bound.socket.port, "127.0.0.1");
    await until(sent.length);
    expect(texts.map((text) => text.length)).toEqual(sent.map((text) => text.length));
    expect(texts).toEqual(sent);
    expect(bound.arrived.map((one) => one.text)).toEqual(sent);
  });

  test("many more than a batch, sent outside of one, leave by themselves and in order", async () => {
    const bound = await Bound.to(engine, "0.0.0.0");
    const { port, texts, until } = await peer();
    const sent = Array.from({ length: 500 }, (_, at) => `${String(at)} ${"x".repeat((at * 37) % 1500)}`);
    for (const text of sent) bound.socket.send(text, "127.0.0.1", port);
    await until(sent.length);
    expect(texts).toEqual(sent);
    for (const text of ["after a promise", "after another"]) {
      await Promise.resolve();
      bound.socket.send(text, "127.0.0.1", port);
    }
    await until(sent.length + 2);
    expect(texts.slice(-2)).toEqual(["after a promise", "after another"]);
  });

  test("what one socket sends while another one's batch is handled leaves with it", async () => {
    const [one, other] = [await Bound.to(engine, "127.0.0.1"), await Bound.to(engine, "127.0.0.1")];
    const { client, port, texts, until } = await peer();
    one.onEach = ({ text }) => other.socket.send(text, "127.0.0.1", port);
    client.send("across", one.socket.port, "127.0.0.1");
    await until(1);
    expect(texts).toEqual(["across"]);
  });

  test("on a wildcard it tells which of our addresses was meant, and answers leave from there; from another one when that is not ours", async () => {
    const bound = await Bound.to(engine, "0.0.0.0");
    const { client, port, from, until } = await peer();
    bound.onEach = ({ text, address, port: to, localAddress }) => bound.socket.send(text, address, to, localAddress);
    for (const address of ["127.0.0.1", "127.0.0.5", "127.4.3.2", "127.0.0.1"]) {
      client.send("x", bound.socket.port, address);
      await until(from.length + 1);
    }
    expect(from).toEqual(["127.0.0.1", "127.0.0.5", "127.4.3.2", "127.0.0.1"]);
    expect(bound.arrived.map((one) => one.localAddress)).toEqual(from);
    bound.socket.send("y", "127.0.0.1", port, "192.0.2.77");
    bound.socket.send("y", "127.0.0.1", port, "not an address");
    await until(6);
    expect(from.slice(4)).toEqual(["127.0.0.1", "127.0.0.1"]);
    expect(bound.errors).toEqual([]);
  });

  test("a socket on one address says nothing of it, and sends from it whatever it is told", async () => {
    const bound = await Bound.to(engine, "127.0.0.7");
    const { client, port, from, until } = await peer();
    client.send("x", bound.socket.port, "127.0.0.7");
    await bound.until(() => bound.arrived.length === 1);
    expect(bound.arrived[0]?.localAddress).toBe("");
    bound.socket.send("y", "127.0.0.1", port, "127.0.0.8");
    await until(1);
    expect(from).toEqual(["127.0.0.7"]);
  });

  test.skipIf(!hasIpv6)("IPv6: the same, on a socket that takes IPv6 only", async () => {
    const bound = await Bound.to(engine, "::");
    const four = await Bound.to(engine, "0.0.0.0", bound.socket.port);
    expect(four.socket.port).toBe(bound.socket.port);
    const { client, from, until } = await peer("::1");
    bound.onEach = ({ text, address, port, localAddress }) => bound.socket.send(text, address, port, localAddress);
    client.send("x", bound.socket.port, "::1");
    await until(1);
    expect(from).toEqual(["::1"]);
    expect(bound.arrived).toMatchObject([{ address: "::1", localAddress: "::1" }]);
    bound.socket.send("x", "127.0.0.1", 9);
    expect(bound.errors.length).toBe(1);
  });

  const linkLocal = Object.entries(networkInterfaces()).flatMap(([device, all]) => (all ?? []).filter((one) => one.address.startsWith("fe80:")).map((one) => `${one.address}%${device}`))[0];
  test.skipIf(linkLocal === undefined)("a link-local peer is written with its zone, and reached by it", async () => {
    const address = linkLocal ?? "";
    const bound = await Bound.to(engine, "::");
    const other = await Bound.to(engine, address);
    bound.onEach = ({ text, address: from, port, localAddress }) => bound.socket.send(`re ${text}`, from, port, localAddress);
    other.socket.send("x", address, bound.socket.port);
    await other.until(() => other.arrived.length === 1);
    expect(bound.arrived).toMatchObject([{ text: "x", address, port: other.socket.port }]);
    expect(other.arrived).toMatchObject([{ text: "re x", address, port: bound.socket.port }]);
  });

  test("what cannot be sent is reported, and harms nothing that follows", async () => {
    const bound = await Bound.to(engine, "0.0.0.0");
    const { port, texts, until } = await peer();
    const bad: readonly (readonly [text: string, address: string, port: number])[] = [
      ["x", "255.255.255.255", 9],
      ["x", "", 9],
      ["x", "localhost", 9],
      ["x", "127.0.0.1x", 9],
      ["x", "::1", 9],
      ["x", "fe80::1%nosuch", 9],
      ["x", "1".repeat(1000), 9],
      ["x", "127.0.0.1\0", 9],
      ["x", "127.0.0.1", 0],
      ["x", "127.0.0.1", 65_536],
      ["x".repeat(65_536), "127.0.0.1", port],
      ["x".repeat(65_535), "127.0.0.1", port],
      ["x".repeat(65_508), "127.0.0.1", port],
    ];
    for (const [text, address, to] of bad) {
      bound.socket.send(text, address, to);
      bound.socket.send("good", "127.0.0.1", port);
    }
    await until(bad.length);
    await bound.until(() => bound.errors.length === bad.length);
    expect(texts).toEqual(bad.map(() => "good"));
  });

  test.each([
    ["an address that is not ours", "192.0.2.77", "EADDRNOTAVAIL"],
    ["no address", "nonsense", "EINVAL"],
  ])("binding to %s says why it failed", async (_, address, code) => {
    await expect(Bound.to(engine, address)).rejects.toMatchObject({ code });
  });

  test("a taken port is refused, and free again once its socket is closed", async () => {
    const bound = await Bound.to(engine, "127.0.0.1");
    await expect(Bound.to(engine, "127.0.0.1", bound.socket.port)).rejects.toMatchObject({ code: "EADDRINUSE" });
    await bound.socket.close();
    const next = await Bound.to(engine, "127.0.0.1", bound.socket.port);
    expect(next.socket.port).toBe(bound.socket.port);
  });

  test("a close lets what was handed over leave first; afterwards sends do nothing, and closing again is no mistake", async () => {
    const bound = await Bound.to(engine, "127.0.0.1");
    const { port, texts, until } = await peer();
    for (let at = 0; at < 100; at++) bound.socket.send(String(at), "127.0.0.1", port);
    const closed = bound.socket.close();
    bound.socket.send("too late", "127.0.0.1", port);
    await Promise.all([closed, bound.socket.close(), until(100)]);
    expect(texts.length).toBe(100);
  });

  test("a socket may be closed from within its own batch", async () => {
    const bound = await Bound.to(engine, "127.0.0.1");
    const { client, texts, until } = await peer();
    const closed: Promise<void>[] = [];
    bound.onEach = ({ address, port }) => {
      bound.socket.send("bye", address, port);
      closed.push(bound.socket.close());
    };
    for (let at = 0; at < 10; at++) client.send("x", bound.socket.port, "127.0.0.1");
    await until(1);
    await Promise.all(closed);
    expect(texts).toEqual(["bye"]);
  });

  test("hundreds of sockets come and go, used or not", async () => {
    const { port, until } = await peer();
    for (let round = 0; round < 20; round++) {
      const all = await Promise.all(Array.from({ length: 20 }, () => Bound.to(engine, "127.0.0.1")));
      for (const one of all) one.socket.send("x", "127.0.0.1", port);
      await Promise.all(all.map((one) => one.socket.close()));
    }
    await until(400);
  });

  test("nonsense in the shared array and wrong arguments are refused, never followed", async () => {
    const addon = createRequire(import.meta.url)(addonPath) as Record<"bind" | "port" | "source" | "aim" | "flush" | "close", (...args: unknown[]) => unknown> & Record<"controlWords" | "slabBytes" | "receiveMax" | "destinations", number>;
    const seed = 5060;
    const random = seededRandom(seed);
    const control = new Int32Array(addon.controlWords);
    let failed = 0;
    const good: readonly unknown[] = ["127.0.0.1", 0, false, control, new Uint8Array(addon.slabBytes), () => undefined, (_code: number, count: number) => (failed += count)];
    const socket = addon.bind(...good);
    const odd = [0, 1, -1, 31, 32, 33, 65_535, 65_536, 131_072, 131_073, 16_383, 16_384, 2 ** 31 - 1, -(2 ** 31)];
    for (let round = 0; round < 2000; round++) {
      for (let at = 0; at < control.length; at++) control[at] = random.below(4) === 0 ? (odd[random.below(odd.length)] ?? 0) : random.below(64);
      addon.flush(socket);
      expect(control[0], `seed ${String(seed)} round ${String(round)}`).toBe(0);
    }
    const two = [Symbol("x"), {}] as const;
    const wrong: (() => unknown)[] = [
      ...good.flatMap((_, at) => two.map((value) => () => addon.bind(...good.with(at, value)))),
      () => addon.bind(...good.with(1, 65_536)),
      () => addon.bind(...good.with(3, new Int32Array(3))),
      () => addon.bind(...good.with(3, new Uint8Array(100_000))),
      () => addon.bind(...good.with(4, new Uint8Array(3))),
      () => addon.bind(...good.with(4, new Int32Array(100_000))),
      () => addon.bind(),
      ...[addon.port, addon.source, addon.aim, addon.flush, addon.close].flatMap((one) => [() => one(), () => one({}, 0, "", 0, ""), () => one(null, () => undefined, true)]),
      () => addon.source(socket, addon.receiveMax, false),
      () => addon.source(socket, -1, true),
      () => addon.aim(socket, addon.destinations, "127.0.0.1", 9, ""),
      () => addon.aim(socket, -1, "127.0.0.1", 9, ""),
      () => addon.close(socket, "later"),
    ];
    for (const [at, one] of wrong.entries()) expect(one, `wrong call ${String(at)}`).toThrow(TypeError);
    while (failed === 0) await new Promise(setImmediate);
    await new Promise<void>((resolve) => addon.close(socket, resolve));
    expect(() => addon.close(socket, () => undefined)).toThrow(TypeError);
    expect([addon.port(socket), addon.aim(socket, 0, "127.0.0.1", 9, ""), addon.flush(socket)]).toEqual([0, false, undefined]);
  });

  test("a missing and a foreign addon are told from the right one", () => {
    expect(() => nativeUdpEngine(join(folder, "missing.node"))).toThrow("not built");
    const foreign = join(folder, "foreign.cjs");
    writeFileSync(foreign, "exports.version = 999;");
    expect(() => nativeUdpEngine(foreign)).toThrow("other sources");
  });
});

describe.skipIf(builtNativeEngine === null)("a system that takes datagrams piecemeal or not at all, and tables of two places", () => {
  const addon = join(folder, "stalling.node");
  let engine: UdpEngine;
  beforeAll(() => {
    execFileSync(process.execPath, [join(root, "scripts/build-native.mjs"), addon, "-DPLACES=2", "-Dsendmmsg=stalling_sendmmsg", join(root, "test/fixtures/stalling-sendmmsg.c")], { stdio: "pipe" });
    expect(existsSync(addon)).toBe(true);
    engine = nativeUdpEngine(addon);
  });

  test("everything waits, keeps its order and leaves", async () => {
    const bound = await Bound.to(engine, "127.0.0.1");
    const { port, texts, until } = await peer();
    const sent = Array.from({ length: 600 }, (_, at) => (at === 0 ? "stuck" : `${String(at)} ${"y".repeat((at * 131) % 3000)}`));
    for (const [at, text] of sent.entries()) {
      bound.socket.send(text, "127.0.0.1", port);
      if (at % 200 === 199) await new Promise(setImmediate);
    }
    await until(sent.length);
    expect(texts).toEqual(sent);
    expect(bound.errors).toEqual([]);
  });

  test("the queue is bounded: what is above is lost and counted, and receiving goes on", async () => {
    const bound = await Bound.to(engine, "127.0.0.1");
    const { client, port } = await peer();
    for (let at = 0; at < 5000; at++) bound.socket.send(at === 0 ? "jammed" : "x", "127.0.0.1", port);
    client.send("ping", bound.socket.port, "127.0.0.1");
    await bound.until(() => bound.arrived.length === 1 && bound.errors.length > 0);
    expect(bound.errors.length).toBe(5000 - 4096);
    await bound.socket.close(); // in bounded time, though nothing leaves
    const wide = await Bound.to(engine, "127.0.0.1");
    for (let at = 0; at < 200; at++) wide.socket.send(`jammed${"x".repeat(60_000)}`, "127.0.0.1", port);
    await wide.until(() => wide.errors.length > 0);
    expect(wide.errors.length).toBe(200 - Math.floor((8 * 1024 * 1024) / 60_006));
  });

  test("peers that share a place in the tables are never taken for one another", async () => {
    const seed = 20_240_817;
    const random = seededRandom(seed);
    const bound = await Bound.to(engine, "0.0.0.0");
    bound.onEach = ({ text, address, port, localAddress }) => bound.socket.send(`${text} ${address}:${String(port)} at ${String(localAddress)}`, address, port, localAddress);
    const peers = await Promise.all(Array.from({ length: 12 }, (_, at) => peer(`127.0.0.${String(1 + (at % 4))}`)));
    const sentBy = peers.map((): string[] => []);
    for (let at = 0; at < 1000; at++) {
      const who = random.below(peers.length);
      const one = peers[who];
      if (one === undefined) throw new Error("no peer");
      const to = `127.0.0.${String(1 + random.below(3))}`;
      const text = `${String(at)}${"z".repeat(random.below(6000))}`;
      sentBy[who]?.push(`${text} ${one.client.address().address}:${String(one.port)} at ${to}`);
      one.client.send(text, bound.socket.port, to);
      if (at % 50 === 49) await new Promise(setImmediate);
    }
    await Promise.all(peers.map((one, who) => one.until(sentBy[who]?.length ?? 0)));
    expect(peers.map((one) => one.texts), `seed ${String(seed)}`).toEqual(sentBy);
    expect(bound.errors).toEqual([]);
  });
});

describe.skipIf(builtNativeEngine === null)("environments of the native engine", () => {
  const module = join(folder, "native-udp.mjs");
  beforeAll(() => {
    buildSync({ entryPoints: [join(root, "src/sip/transport/native-udp.ts")], outfile: module, bundle: true, platform: "node", format: "esm", logLevel: "silent" });
  });

  /** Runs code with the engine in scope; its first message is a port. */
  async function worker(code: string): Promise<{ readonly thread: Worker; readonly port: number; readonly ended: Promise<number> }> {
    const text = `const { parentPort } = require("node:worker_threads");
      import(${JSON.stringify(pathToFileURL(module).href)}).then(async ({ nativeUdpEngine }) => {
        const engine = nativeUdpEngine(${JSON.stringify(addonPath)});
        ${code}
      });`;
    const thread = new Worker(text, { eval: true });
    const ended = new Promise<number>((resolve) => thread.once("exit", resolve));
    cleanUp.push(async () => {
      await thread.terminate();
    });
    const port = await new Promise<number>((resolve, reject) => {
      thread.once("message", resolve);
      thread.once("error", reject);
    });
    return { thread, port, ended };
  }

  const echo = `const socket = await engine.bind("127.0.0.1", 0, { datagram: (text, address, port) => socket.send(text, address, port), error() {}, beforeLeave() {} });
    parentPort.postMessage(socket.port);`;

  test("two at once serve side by side, and one that is terminated under load takes nothing with it", async () => {
    const here = await Bound.to(builtNativeEngine ?? nativeUdpEngine("/nowhere"), "127.0.0.1");
    here.onEach = ({ text, address, port }) => here.socket.send(text, address, port);
    const { client, texts, until } = await peer();
    for (let round = 0; round < 3; round++) {
      const there = await worker(echo);
      const count = texts.length;
      for (let at = 0; at < 50; at++) for (const port of [here.socket.port, there.port]) client.send(`${String(port)} ${String(at)}`, port, "127.0.0.1");
      await until(count + 100);
      for (let at = 0; at < 500; at++) client.send("flood", there.port, "127.0.0.1");
      await there.thread.terminate();
      await new Promise<void>((resolve) => client.send(`after ${String(round)}`, here.socket.port, "127.0.0.1", () => resolve()));
      while (!texts.includes(`after ${String(round)}`)) await until(texts.length + 1);
    }
    expect(here.errors).toEqual([]);
  });

  test("one that ends by itself with sockets open, waiting or being closed ends cleanly, and its ports are free", async () => {
    const there = await worker(`${echo}
      const second = await engine.bind("127.0.0.1", 0, { datagram() {}, error() {} });
      for (let at = 0; at < 20; at++) socket.send("x", "127.0.0.1", 9);
      void second.close();
      process.exit(7);`);
    expect(await there.ended).toBe(7);
    const next = await Bound.to(builtNativeEngine ?? nativeUdpEngine("/nowhere"), "127.0.0.1", there.port);
    expect(next.socket.port).toBe(there.port);
  });

  test("one whose sockets are all closed ends by itself: nothing else of the engine keeps it", async () => {
    const there = await worker(`${echo} await socket.close();`);
    expect(await there.ended).toBe(0);
  });

  test("a mistake while one datagram is handled is uncaught as ever, and the rest of the batch is handled", async () => {
    const there = await worker(`let count = 0;
      process.on("uncaughtException", (error) => parentPort.postMessage(error.message));
      const socket = await engine.bind("127.0.0.1", 0, { datagram(text, address, port) { if (text === "bad") throw new Error("mistake"); socket.send(text, address, port); }, error() {}, beforeLeave() {} });
      parentPort.postMessage(socket.port);`);
    const uncaught: unknown[] = [];
    there.thread.on("message", (message) => uncaught.push(message));
    const { client, texts, until } = await peer();
    for (const text of ["a", "bad", "b", "bad", "c"]) client.send(text, there.port, "127.0.0.1");
    await until(3);
    expect(texts).toEqual(["a", "b", "c"]);
    while (uncaught.length < 2) await new Promise((resolve) => there.thread.once("message", resolve));
    expect(uncaught).toEqual(["mistake", "mistake"]);
  });
});
