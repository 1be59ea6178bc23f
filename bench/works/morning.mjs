// The morning after a power cut: the server starts again, and all phones register with digest and renew all their lamps at once.
// Once with what the store kept, once with an empty one (every phone then has to subscribe anew).
import { join } from "node:path";
import { startPhones } from "../rig/generator.mjs";
import { startLamplight } from "../rig/lamplight.mjs";
import { cpuSeconds, memoryOf, settle } from "../rig/process-tree.mjs";
import { shown, textTable } from "../rig/text-table.mjs";

const LAMPS = 10;

/** Resolves to { setup, kept, empty }, each what phones.c saw, and what the server's own tables then hold. */
export async function measureMorning(setting) {
  const users = { main: setting.main, folder: join(setting.folder, "lamplight"), users: setting.phones, require: "all" };
  let server = await startLamplight(users);
  const { port } = server;
  const phones = startPhones(setting.folder, server, ["-n", setting.phones, "-W", LAMPS]);
  try {
    setting.note(`${setting.phones} phones with ${LAMPS} lamps each: set-up …`);
    const setup = await phones.ask("setup");
    setting.note(` ${shown(setup.seconds)} s\n`);
    await settle(server.pid);
    const figures = { setup };
    for (const name of ["kept", "empty"]) {
      await server.stop("SIGKILL");
      setting.note(`the morning after, the store ${name} …`);
      server = await startLamplight({ ...users, port, keepStore: name === "kept" });
      await server.metrics(); // from here counts the longest pause
      const cpuBefore = cpuSeconds(server.pid);
      const seen = await phones.ask("renew 0");
      const metrics = await server.metrics();
      figures[name] = {
        ...seen,
        startMs: server.startMs,
        cpuSeconds: cpuSeconds(server.pid) - cpuBefore,
        pssMb: memoryOf(server.pid).pssKb / 1024,
        gcMs: (metrics.gc_pause_max_seconds ?? NaN) * 1000,
        registrations: metrics.registrations,
        subscriptions: metrics.subscriptions,
        complaints: server.complaints().slice(0, 5),
      };
      setting.note(` ${shown(seen.notified_s)} s\n`);
      await settle(server.pid);
    }
    return figures;
  } finally {
    await phones.end();
    await server.stop();
  }
}

/** The figures as Markdown. */
export function morningText({ setup, kept, empty }) {
  const columns = [kept, empty];
  const row = (title, read) => [title, ...columns.map(read)];
  const time = (seconds, count, wanted) => (seconds < 0 ? `never (${count} of ${wanted})` : `${shown(seconds, 2)} s`);
  const complaints = columns.flatMap((one) => one.complaints.map((line) => `server's log: ${line}\n`));
  return (
    textTable([
      [`the morning after: ${setup.phones} phones, ${setup.lamps} subscriptions`, "store kept", "store empty"],
      row("start until ready", (one) => `${shown(one.startMs / 1000, 2)} s`),
      row("all registered after", (one) => time(one.registered_s, one.registered, one.phones)),
      row("all subscribed after", (one) => time(one.subscribed_s, one.subscribed, one.lamps)),
      row("all have their NOTIFY after", (one) => time(one.notified_s, one.notified, one.lamps)),
      row("retransmitted REGISTER, SUBSCRIBE", (one) => `${one.retransmissions.register}, ${one.retransmissions.subscribe}`),
      row("answers 503", (one) => String(one.busy)),
      row("other refusals", (one) => Object.entries(one.codes).filter(([code]) => code !== "503").map(([code, times]) => `${times} × ${code}`).join(", ") || "none"),
      row("challenges", (one) => String(one.challenges)),
      row("requests without an answer in 32 s, sent anew", (one) => String(one.timeouts.register + one.timeouts.subscribe)),
      row("NOTIFYs: beyond one each, retransmitted, to no subscription", (one) => `${one.notify_extra}, ${one.notify_repeated}, ${one.notify_stray}`),
      row("the server holds: contacts, subscriptions", (one) => `${one.registrations}, ${one.subscriptions}`),
      row("server: CPU, longest GC pause, PSS", (one) => `${shown(one.cpuSeconds)} s, ${shown(one.gcMs)} ms, ${shown(one.pssMb, 0)} MB`),
    ]) + complaints.join("")
  );
}
