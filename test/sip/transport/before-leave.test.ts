import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { request, running } from "./loopback.ts";
import { udpEngines } from "./udp-engines.ts";

const cleanUp: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

const MESSAGES = 100;

/** A server that promises something with each answer, and may make it good only when it is told that answers leave. `broken` counts the answers whose promise
 *  was not good when the peer had them. */
function promises(): { readonly promise: (text: string) => void; readonly keep: () => void; readonly isKept: (text: string) => boolean } {
  let open: string[] = [];
  const kept = new Set<string>();
  return {
    promise: (text) => {
      open.push(text);
    },
    keep: () => {
      for (const text of open) kept.add(text);
      open = [];
    },
    isKept: (text) => kept.has(text),
  };
}

describe("what is answered can be made safe before the answer leaves", () => {
  test.each(udpEngines)("over UDP, %s engine", async (_name, engine) => {
    if (engine === null) return;
    const { promise, keep, isKept } = promises();
    const { transports, recorder, port } = await running({ listen: [{ url: "udp://127.0.0.1:0" }], udpEngine: engine, beforeLeave: keep });
    cleanUp.push(() => transports.stop());
    recorder.onEach = (text, flow) => {
      const answer = `answer to ${text.length} ${recorder.seen.length}`;
      promise(answer);
      flow.send(answer);
    };
    const client = createSocket("udp4");
    cleanUp.push(() => new Promise((resolve) => client.close(() => resolve())));
    const seen: boolean[] = [];
    const done = new Promise<void>((resolve) => {
      client.on("message", (bytes) => {
        seen.push(isKept(bytes.toString("latin1")));
        if (seen.length === MESSAGES) resolve();
      });
    });
    await new Promise<void>((resolve) => client.bind(0, "127.0.0.1", resolve));
    for (let at = 0; at < MESSAGES; at++) client.send(request(at), port(), "127.0.0.1");
    await done;
    expect(seen).not.toContain(false);
  });

  test("over TCP", async () => {
    const { promise, keep, isKept } = promises();
    const { transports, recorder, port } = await running({ listen: [{ url: "tcp://127.0.0.1:0" }], beforeLeave: keep });
    cleanUp.push(() => transports.stop());
    recorder.onEach = (_text, flow) => {
      const answer = `answer ${recorder.seen.length}\n`;
      promise(answer);
      flow.send(answer);
    };
    const socket = connect({ port: port(), host: "127.0.0.1" });
    cleanUp.push(() => void socket.destroy());
    let rest = "";
    const seen: boolean[] = [];
    const done = new Promise<void>((resolve) => {
      socket.on("data", (chunk: Buffer) => {
        const lines = (rest + chunk.toString("latin1")).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) seen.push(isKept(`${line}\n`));
        if (seen.length === MESSAGES) resolve();
      });
    });
    for (let at = 0; at < MESSAGES; at++) socket.write(request(at));
    await done;
    expect(seen).not.toContain(false);
  });
});
