import { connect } from "node:net";
import type { Socket } from "node:net";
import { mkdirSync, writeFileSync } from "node:fs";
import { eventually, scratchFolder, startProgram, within } from "./program.ts";
import type { Program } from "./program.ts";
import { freePort, phoneAddress } from "./surroundings.ts";

/** What baresip tells on its control connection, e.g. `{ type: "CALL_ESTABLISHED", class: "call", peeruri: "sip:102@…" }`. */
export interface BaresipEvent {
  readonly type: string;
  readonly class?: string;
  readonly peeruri?: string;
  readonly param?: string;
}

/** A running baresip 1.0, registered as one user. */
export interface Baresip {
  readonly uri: string;
  readonly program: Program;
  /** Resolves with the first event of that type since the last one that was asked for. */
  event(type: string, withinMs?: number): Promise<BaresipEvent>;
  /** Runs a command of baresip's (`dial`, `accept`, `hangup`, `presence_offline` …) and resolves with what it printed. */
  command(command: string, params?: string): Promise<string>;
  /** The state that its contact list shows for a contact, e.g. `Online`. */
  contactShows(name: string, state: RegExp): Promise<string>;
}

/** How to make one phone: the server it registers with, who it is, and whom it watches. */
export interface BaresipSettings {
  readonly server: string;
  readonly user: string;
  readonly password: string;
  readonly transport?: "udp" | "tcp";
  readonly answers?: "auto" | "manual";
  /** Name → URI of those whose presence it watches. */
  readonly watches?: ReadonlyMap<string, string>;
  /** Subscribe to its own message lamp; default no, since baresip without an answer to its liking asks in a loop. */
  readonly mwi?: boolean;
}

const waitMs = 15_000;

/** Starts baresip and waits until it has registered; rejects with the server's answer when it may not. */
export async function startBaresip({ server, user, password, transport = "udp", answers = "auto", watches = new Map(), mwi = false }: BaresipSettings): Promise<Baresip> {
  const folder = scratchFolder("baresip");
  const sipPort = await freePort(phoneAddress);
  const controlPort = await freePort("127.0.0.1");
  const host = server.replace(/:\d+$/, "");
  mkdirSync(folder, { recursive: true });
  const modules = ["cons.so", "g711.so", "aubridge.so"].map((name) => `module ${name}`);
  const applications = ["account.so", "contact.so", "menu.so", "presence.so", "ctrl_tcp.so", ...(mwi ? ["mwi.so"] : [])].map((name) => `module_app ${name}`);
  const config = [
    "poll_method epoll",
    `sip_listen ${phoneAddress}:${sipPort}`,
    "call_max_calls 4",
    ...["audio_player", "audio_source", "audio_alert"].map((use) => `${use} aubridge,a1`),
    "module_path /usr/lib/baresip/modules",
    ...modules,
    ...applications,
    `ctrl_tcp_listen 127.0.0.1:${controlPort}`,
    `cons_listen 127.0.0.1:${await freePort("127.0.0.1")}`,
    "rtp_ports 20000-20999",
  ];
  writeFileSync(`${folder}/config`, `${config.join("\n")}\n`);
  writeFileSync(
    `${folder}/accounts`,
    `<sip:${user}@${server};transport=${transport}>;auth_user=${user};auth_pass=${password};regint=60;pubint=60;mwi=${mwi ? "yes" : "no"};answermode=${answers}\n`,
  );
  writeFileSync(`${folder}/contacts`, [...watches].map(([name, uri]) => `"${name}" <${uri}>;presence=p2p\n`).join(""));

  const program = startProgram("baresip", ["-f", folder, "-v"]);
  const control = await openControl(program, controlPort);
  const phone: Baresip = {
    uri: `sip:${user}@${host}`,
    program,
    event: control.event,
    command: control.command,
    contactShows: (name, state) =>
      eventually(
        async () => (await control.command("contacts")).split("\n").find((line) => line.includes(name) && state.test(line)) ?? null,
        () => `baresip ${user} does not show ${name} as ${String(state)}:\n${program.lines().slice(-40).join("\n")}`,
      ),
  };
  // The registration may be over before the control connection is open: what it has printed counts as well.
  const outcome = await program.line(/\[\d+ bindings?\]|reg: .*(failed|[3-6]\d\d )|\{\d+\/\w+\/v\d\} [3-6]\d\d /);
  if (!outcome.includes("binding")) throw new Error(`baresip ${user} could not register: ${outcome}`);
  return phone;
}

interface Control {
  readonly event: (type: string, withinMs?: number) => Promise<BaresipEvent>;
  readonly command: (command: string, params?: string) => Promise<string>;
}

async function openControl(program: Program, port: number): Promise<Control> {
  const socket = await eventually(
    () => opened(port),
    () => `baresip does not listen for commands:\n${program.lines().join("\n")}`,
  );
  const events: BaresipEvent[] = [];
  const answers = new Map<string, (data: string) => void>();
  const waiting = new Set<() => void>();
  readNetstrings(socket, (text) => {
    const message = JSON.parse(text) as { event?: boolean; token?: string; data?: string } & BaresipEvent;
    if (message.event === true) events.push(message);
    else if (message.token !== undefined) answers.get(message.token)?.(message.data ?? "");
    waiting.forEach((check) => check());
  });
  let tokens = 0;
  return {
    event: (type, withinMs = waitMs) =>
      within(
        new Promise<BaresipEvent>((resolve) => {
          const check = (): void => {
            const at = events.findIndex((event) => event.type === type);
            const found = events[at];
            if (found === undefined) return;
            events.splice(0, at + 1);
            waiting.delete(check);
            resolve(found);
          };
          waiting.add(check);
          check();
        }),
        withinMs,
        () => `baresip told no ${type}, only ${events.map((event) => event.type).join(", ")}:\n${program.lines().slice(-40).join("\n")}`,
      ),
    command: (command, params) => {
      const token = String(++tokens);
      const text = JSON.stringify({ command, ...(params === undefined ? {} : { params }), token });
      const answer = new Promise<string>((resolve) => answers.set(token, resolve));
      socket.write(`${Buffer.byteLength(text)}:${text},`);
      return within(answer, waitMs, () => `baresip did not answer ${command}`);
    },
  };
}

function opened(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", () => resolve(null));
  });
}

function readNetstrings(socket: Socket, take: (text: string) => void): void {
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const colon = rest.indexOf(":");
      if (colon < 0) return;
      const end = colon + 1 + Number(rest.subarray(0, colon).toString("latin1"));
      if (rest.length < end + 1) return;
      take(rest.subarray(colon + 1, end).toString("utf8"));
      rest = rest.subarray(end + 1);
    }
  });
}
