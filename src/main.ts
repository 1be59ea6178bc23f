import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Argument, Command, CommanderError } from "commander";
import { systemRandom } from "./base/random.ts";
import { systemClock } from "./base/clock.ts";
import { ConfigError, UnavailableError } from "./base/errors.ts";
import { createLog } from "./base/log.ts";
import { runCalendarTest } from "./calendar-command.ts";
import { checkConfig } from "./config/check.ts";
import type { Loaded } from "./config/config.ts";
import { writeFirstConfig } from "./config/first-run.ts";
import { loadConfig } from "./config/loader.ts";
import { interfaceAddresses } from "./directory/own-hosts.ts";
import { runDemo } from "./demo-command.ts";
import { runBackup, runRestore, type BackupCommand } from "./backup.ts";
import { startService, type Service } from "./service.ts";
import { completionScript, PEOPLE_COMMAND, type CompletedCommand } from "./completion.ts";
import { peopleIds, runQuery, watchQuery, type Query } from "./query.ts";
import { SUBJECTS } from "./query-text.ts";
import { lookOf, type Look } from "./terminal.ts";
import { calendarWorld } from "./system-world.ts";
import { runSimulation } from "./simulate-command.ts";

const DEFAULT_CONFIG = "lamplight.yaml";
const STOP_WITHIN_MS = 5000;
const RESTART_AFTER_MS = 200;

/** Runs one command; the exit code: 0 done, 1 could not start or reach the server, 2 bad configuration or arguments. */
async function run(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command("lamplight").description("Presence and PBX server for the office's own network.").exitOverride().showHelpAfterError("add --help for how it is called");
  program.configureOutput({ writeErr: (text) => process.stderr.write(text) });
  const config = ["--config <file>", "the configuration", DEFAULT_CONFIG] as const;
  program
    .command("start")
    .description("run in the foreground; without a configuration, make one first")
    .option(...config)
    .option("--data <dir>", "the folder of the store; overrides `store:`")
    .action(async (options: { config: string; data?: string }) => {
      exitCode = await start(options.config, options.data);
    });
  program
    .command("check")
    .description("read the configuration and the directory, and say every mistake")
    .option(...config)
    .action((options: { config: string }) => {
      const outcome = checkConfig(options.config, process.env, systemClock.now());
      print(outcome.lines);
      ({ exitCode } = outcome);
    });
  program
    .command("demo")
    .description("a server with simulated phones that call, meet and have lunch: the wallboard lives; touches nothing of yours")
    .option("--speed <minutes>", "minutes of the office that pass in a real one", "60")
    .option("--people <number>", "how many work there", "40")
    .option("--seed <number>", "the same day again", "")
    .action(async (options: { speed: string; people: string; seed: string }) => {
      exitCode = await runDemo(options, process.env, printText, process.stderr.isTTY ? statusLine : null, untilInterrupted());
    });
  program
    .command("show")
    .description("what a running server knows")
    .argument("<what>", SUBJECTS.join(", "))
    .argument("[aor]", "one person: 101, alice, or sip:101@DOMAIN")
    .option(...config)
    .option("--json", "as JSON")
    .option("--watch", "again every two seconds, until Ctrl-C")
    .action(async (what: string, aor: string | undefined, options: QueryOptions) => {
      exitCode = await answered({ kind: "show", what, aor: aor ?? null, isJson: options.json === true }, options);
    });
  program
    .command("why")
    .description("why a person's state and lamp are what they are")
    .argument("<aor>", "101, alice, or sip:101@DOMAIN")
    .option("--at <time>", "at a moment of the last hours: 14:03, 10m (ten minutes ago) or 2026-11-20T14:03:00Z")
    .option(...config)
    .option("--json", "as JSON")
    .option("--watch", "again every two seconds, until Ctrl-C")
    .action(async (aor: string, options: QueryOptions & { at?: string }) => {
      exitCode = await answered({ kind: "why", aor, at: options.at ?? null, isJson: options.json === true }, options);
    });
  program
    .command("simulate")
    .description("what a made-up situation would make of a person; needs no running server")
    .argument("<file>", "YAML or JSON: { inputs: [{ source, activities, … }], at, settings }; - reads the standard input")
    .option(...config)
    .option("--json", "as JSON")
    .action((path: string, options: { config: string; json?: boolean }) => {
      exitCode = runSimulation({ path, configPath: options.config, isJson: options.json === true }, process.env, printText);
    });
  program
    .command("calendar")
    .description("try a person's calendars, and say in plain words what is wrong")
    .addArgument(new Argument("<what>").choices(["test"]))
    .argument("<user>", "101, alice, or sip:101@DOMAIN")
    .option(...config)
    .action(async (_what: string, who: string, options: { config: string }) => {
      exitCode = await runCalendarTest({
        who,
        load: () => loadConfig(options.config, process.env, systemClock.now()),
        world: () => calendarWorld(createLog("silent")),
        print: printText,
        complain: (text) => process.stderr.write(text),
      });
    });
  program
    .command("backup")
    .description("a whole and consistent copy of a running server's store")
    .argument("<file>", "a new file")
    .option(...config)
    .action(async (file: string, options: { config: string }) => {
      exitCode = await runBackup(file, backupCommand(options.config));
    });
  program
    .command("restore")
    .description("has the server take a backup in place of its store; the old one stays beside it")
    .argument("<file>", "a backup")
    .option(...config)
    .option("--overwrite", "yes, replace what the server has")
    .action(async (file: string, options: { config: string; overwrite?: boolean }) => {
      exitCode = await runRestore(file, options.overwrite === true, backupCommand(options.config));
    });
  program
    .command("completion")
    .description("completion for bash: source <(lamplight completion)")
    .action(() => {
      printText(completionScript(completedCommands(program)));
    });
  program
    .command(PEOPLE_COMMAND, { hidden: true })
    .option(...config)
    .action(async (options: { config: string }) => {
      print(await peopleIds(options.config, process.env));
    });
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (err) {
    if (err instanceof CommanderError) return err.exitCode === 0 ? 0 : 2;
    throw err;
  }
  return exitCode;
}

interface QueryOptions {
  config: string;
  json?: boolean;
  watch?: boolean;
}

/** One answer, or with `--watch` one after the other. */
function answered(query: Query, options: QueryOptions): Promise<number> {
  const look = (): Look => lookOf(process.stdout, process.env);
  if (options.watch !== true) return runQuery(query, options.config, process.env, printText, look());
  const isScreen = process.stdout.isTTY && !query.isJson;
  // Home, the text line by line with what stood behind it cleared, then what is below: nothing flickers.
  const replace = (text: string): void => {
    printText(isScreen ? `\u001b[H${text.replaceAll("\n", "\u001b[K\n")}\u001b[J` : text);
  };
  if (isScreen) printText("\u001b[2J");
  return watchQuery(query, options.config, process.env, { replace, look }, untilInterrupted());
}

/** Resolves at Ctrl-C or SIGTERM. */
function untilInterrupted(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => {
      done();
    });
  });
}

function completedCommands(program: Command): readonly CompletedCommand[] {
  const known = program.commands.filter((command) => command.name() !== PEOPLE_COMMAND);
  return known.map((command) => ({
    name: command.name(),
    options: [...command.options.map(({ long }) => long ?? ""), "--help"].filter((option) => option !== ""),
    words: command.name() === "show" ? SUBJECTS : command.registeredArguments[0]?.argChoices ?? [],
    takesPerson: command.registeredArguments.some((argument) => ["aor", "user"].includes(argument.name())),
  }));
}

async function start(configPath: string, dataPath: string | undefined): Promise<number> {
  if (!existsSync(configPath)) {
    const made = writeFirstConfig(resolve(configPath), systemRandom(), { addresses: interfaceAddresses().filter((address) => address !== "127.0.0.1" && address !== "::1") });
    print(made.lines);
  }
  const load = (): Loaded => {
    const loaded = loadConfig(configPath, process.env, systemClock.now());
    return dataPath === undefined ? loaded : { ...loaded, config: { ...loaded.config, storePath: resolve(dataPath) } };
  };
  const loaded = load();
  for (const warning of loaded.warnings) process.stderr.write(`warning: ${warning}\n`);
  const running: Running = { service: null, starting: Promise.resolve() };
  const begin = async (from: Loaded): Promise<void> => {
    running.service = await startService(from, load, process.env, again);
    print(running.service.lines);
  };
  const again = (): void => {
    // The answer that announces it leaves first.
    systemClock.after(RESTART_AFTER_MS, () => {
      running.starting = (async () => {
        await running.service?.stop();
        running.service = null;
        await begin(load());
      })();
      running.starting.catch(fail);
    });
  };
  await begin(loaded);
  return await untilSignal(running);
}

/** The service, which a restored store replaces. */
interface Running {
  service: Service | null;
  starting: Promise<void>;
}

/** SIGTERM and SIGINT end the server, SIGHUP reloads; resolves to the exit code. */
function untilSignal(running: Running): Promise<number> {
  return new Promise((done) => {
    process.on("SIGHUP", () => {
      if (running.service !== null) printText(`${running.service.reload()}\n`);
    });
    const end = (): void => {
      // A second signal ends it all the same, and so does a stop that hangs: mostly in a disk, for which the ordinary end would wait too. What was acknowledged is in the journal.
      const stop = systemClock.after(STOP_WITHIN_MS, () => {
        process.kill(process.pid, "SIGKILL");
      });
      running.starting.then(() => running.service?.stop()).then(
        (how) => {
          stop();
          if (how === "stuck") process.kill(process.pid, "SIGKILL");
          done(0);
        },
        (err: unknown) => {
          process.stderr.write(`${String(err)}\n`);
          done(1);
        },
      );
    };
    process.once("SIGTERM", end);
    process.once("SIGINT", end);
  });
}

/** Text without a line end that replaces the one before. */
function statusLine(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function backupCommand(config: string): BackupCommand {
  const progress = statusLine;
  return {
    config,
    env: process.env,
    print: (text) => {
      progress("");
      printText(text);
    },
    progress,
  };
}

function print(lines: readonly string[]): void {
  for (const line of lines) printText(`${line}\n`);
}

function printText(text: string): void {
  process.stdout.write(text);
}

/** Says why it ends, and ends. */
function fail(err: unknown): void {
  if (err instanceof ConfigError) {
    for (const mistake of err.mistakes) process.stderr.write(`${mistake}\n`);
    process.exit(2);
  }
  process.stderr.write(err instanceof UnavailableError ? `${err.message}\n` : `${err instanceof Error ? (err.stack ?? err.message) : String(err)}\n`);
  process.exit(1);
}

// `lamplight show calls | head`: whoever reads has enough.
process.stdout.on("error", (err: NodeJS.ErrnoException) => {
  if (err.code !== "EPIPE") throw err;
  process.exit(0);
});
run(process.argv.slice(2)).then((code) => {
  process.exit(code);
}, fail);
