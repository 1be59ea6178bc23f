import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { scratchFolder, startProgram } from "./program.ts";
import type { Program } from "./program.ts";
import { freePort } from "./surroundings.ts";

const scenarios = fileURLToPath(new URL("../../bench/", import.meta.url));
const answererAddress = "127.0.0.1";

/** What a run of sipp came to. `unexpected` holds its error log: messages that the scenario did not foresee. */
export interface SippResult {
  readonly exitCode: number | null;
  readonly successful: number;
  readonly failed: number;
  readonly unexpected: string;
}

/** How to run one scenario of `bench/` against the server at `server` (`host:port`). */
export interface SippRun {
  readonly server: string;
  readonly scenario: "sipp_register.xml" | "sipp_register_auth.xml" | "sipp_uac.xml";
  readonly transport?: "udp" | "tcp";
  readonly users: readonly string[];
  readonly password?: string;
  readonly calls: number;
  readonly callsPerSecond: number;
  /** Registers this contact instead of sipp's own address, e.g. `127.0.0.1:15099`. */
  readonly contact?: string;
}

/** Runs a calling (or registering) scenario to its end. */
export async function runSipp({ server, scenario, transport = "udp", users, password = "secret", calls, callsPerSecond, contact }: SippRun): Promise<SippResult> {
  const folder = scratchFolder("sipp");
  writeFileSync(join(folder, "users.csv"), `SEQUENTIAL\n${users.map((user) => `${user};[authentication username=${user} password=${password}]\n`).join("")}`);
  const text = readFileSync(join(scenarios, scenario), "latin1");
  const own = "[local_ip]:[local_port];transport=[transport]>";
  writeFileSync(join(folder, "scenario.xml"), contact === undefined ? text : text.replaceAll(own, `${contact}>`), "latin1");
  const program = startProgram(
    "sipp",
    [
      ...["-sf", "scenario.xml", "-inf", "users.csv", "-i", "127.0.0.1", "-p", String(await freePort("127.0.0.1"))],
      ...["-t", transport === "udp" ? "u1" : "t1", "-r", String(callsPerSecond), "-m", String(calls), "-l", String(calls)],
      ...["-nostdin", "-trace_err", "-error_file", "errors.log", "-trace_stat", "-fd", "1s", "-stf", "figures.csv", "-timeout", "40s", "-timeout_error", server],
    ],
    { cwd: folder, env: { ...process.env, TERM: "dumb" } },
  );
  const exitCode = await program.exit(50_000);
  const figures = lastFigures(readOrEmpty(join(folder, "figures.csv")));
  return { exitCode, successful: figures("SuccessfulCall(C)"), failed: figures("FailedCall(C)"), unexpected: readOrEmpty(join(folder, "errors.log")) };
}

/** Starts the answering side (`bench/sipp_uas.xml`); resolves with where it listens. */
export async function startSippAnswerer(transport: "udp" | "tcp", server: string): Promise<{ readonly contact: string; readonly program: Program }> {
  const port = await freePort(answererAddress);
  const folder = scratchFolder("sipp-answerer");
  const program = startProgram(
    "sipp",
    ["-sf", join(scenarios, "sipp_uas.xml"), "-i", answererAddress, "-p", String(port), "-t", transport === "udp" ? "u1" : "t1", "-nostdin", "-timeout", "55s", server],
    { cwd: folder, env: { ...process.env, TERM: "dumb" } },
  );
  return { contact: `${answererAddress}:${port}${transport === "tcp" ? ";transport=tcp" : ""}`, program };
}

function lastFigures(csv: string): (column: string) => number {
  const rows = csv.trim().split("\n").map((row) => row.split(";"));
  const [names = []] = rows;
  const values = rows.at(-1) ?? [];
  return (column) => {
    const at = names.indexOf(column);
    return at < 0 ? Number.NaN : Number(values[at]);
  };
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
