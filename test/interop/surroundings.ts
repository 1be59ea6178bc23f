import { accessSync, constants } from "node:fs";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";

/** The address, in the tests' own network namespace, on which servers listen: phones refuse a machine that has 127.0.0.1 alone. */
export const serverAddress = "10.88.0.1";

/** The address that phones bind to. */
export const phoneAddress = "10.88.0.2";

/** Why a test that drives these programs cannot run here; null when it can. Only the test command gives a network namespace of its own. */
export function obstacle(...programs: readonly string[]): string | null {
  if (process.env.LAMPLIGHT_NAMESPACE !== "own") return "no network namespace of our own";
  const missing = programs.filter((program) => !isInstalled(program));
  return missing.length === 0 ? null : `not installed: ${missing.join(", ")}`;
}

/** A port of `address` that is free, with the one after it, on UDP and TCP: baresip binds its port and the next. */
export async function freePort(address: string): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = await tcpPort(address, 0);
    if (port !== null && (await tcpPort(address, port + 1)) !== null && (await isUdpFree(address, port)) && (await isUdpFree(address, port + 1))) return port;
  }
  throw new Error(`no free port on ${address}`);
}

function tcpPort(address: string, port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen(port, address, () => {
      const bound = server.address();
      server.close(() => resolve(bound !== null && typeof bound === "object" ? bound.port : null));
    });
  });
}

function isUdpFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => {
      socket.close();
      resolve(false);
    });
    socket.bind(port, address, () => socket.close(() => resolve(true)));
  });
}

function isInstalled(program: string): boolean {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
