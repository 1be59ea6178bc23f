import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, scratchFolder, startProgram } from "./program.ts";
import type { Program } from "./program.ts";
import { freePort } from "./surroundings.ts";

/** A running linphonec 5.1, registered as one user. It plays and records files, so that it needs no sound card. */
export interface Linphonec {
  readonly uri: string;
  readonly program: Program;
  /** Types a command (`call sip:102@…`, `answer`, `terminate`, `friend list`). */
  type(command: string): void;
  /** Resolves with the first line that matches, of those written since the last one that was asked for. */
  line(pattern: RegExp, withinMs?: number): Promise<string>;
  /** Quits, which unpublishes and unregisters. */
  quit(): Promise<void>;
}

/** How to make one phone: the server it registers with, who it is, and whom it watches. */
export interface LinphonecSettings {
  readonly server: string;
  readonly user: string;
  readonly password: string;
  readonly transport?: "udp" | "tcp";
  readonly answers?: "auto" | "manual";
  /** URIs of those whose presence it watches. */
  readonly watches?: readonly string[];
  /** Where it subscribes to all of them at once: it sends its list there (RFC 5367). */
  readonly listServer?: string;
}

/** Starts linphonec and waits until it has registered. */
export async function startLinphonec({ server, user, password, transport = "udp", answers = "auto", watches = [], listServer }: LinphonecSettings): Promise<Linphonec> {
  const folder = scratchFolder("linphonec");
  mkdirSync(join(folder, ".local/share/linphone"), { recursive: true });
  const host = server.replace(/:\d+$/, "");
  const port = await freePort("0.0.0.0");
  const friends = watches.map((uri, at) => `[friend_${at}]\nurl="Friend ${at}" <${uri}>\npol=accept\nsubscribe=1\n`);
  const rc = `[sip]
sip_port=${transport === "udp" ? port : -1}
sip_tcp_port=${transport === "tcp" ? port : -1}
sip_tls_port=-1
default_proxy=0
use_ipv6=0
${listServer === undefined ? "" : `rls_uri=${listServer}\n`}[rtp]
audio_rtp_port=${await freePort("0.0.0.0")}
[auth_info_0]
username=${user}
userid=${user}
passwd=${password}
[proxy_0]
reg_proxy=<sip:${server};transport=${transport}>
reg_identity=sip:${user}@${host}
reg_expires=60
reg_sendregister=1
publish=1
publish_expires=60
[video]
enabled=0
${friends.join("")}`;
  writeFileSync(join(folder, "rc"), rc);
  const log = join(folder, "linphone.log");
  const program = startProgram("stdbuf", ["-oL", "linphonec", "-c", join(folder, "rc"), ...(answers === "auto" ? ["-a"] : []), "-d", "6", "-l", log], {
    cwd: folder,
    env: { ...process.env, HOME: folder, TERM: "dumb" },
  });
  let seen = 0;
  const phone: Linphonec = {
    uri: `sip:${user}@${host}`,
    program,
    type: (command) => program.type(command),
    line: async (pattern, withinMs) => {
      const line = await program.line(pattern, { from: seen, ...(withinMs === undefined ? {} : { withinMs }) });
      seen = program.lines().indexOf(line, seen) + 1;
      return line;
    },
    quit: async () => {
      program.type("quit");
      await program.exit();
    },
  };
  program.type("soundcard use files");
  await eventually(
    () => {
      program.type("status register");
      return program.lines().find((line) => line.startsWith("registered,")) ?? null;
    },
    () => `linphonec ${user} did not register:\n${program.lines().slice(-10).join("\n")}`,
    { everyMs: 300 },
  );
  return phone;
}
