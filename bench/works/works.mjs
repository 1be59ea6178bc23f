// The rows of the table: what a job is, what is asked of the generator, how both servers are set up. To add one, add it here.

/** Seconds of the same load before the measured time, on both servers: Node compiles while it runs, and a server runs for months. */
const WARM = 10;

/** `goal`: ours / theirs in CPU a job, null where there is none. `latency`: the generator's name of it. `require`: our authentication. `peer`: the parts of kamailio.cfg.
 *  `loads`: arguments of sipload, one run each; the run with the least CPU a job counts. `isOurs`: the peer is left out. `rate`: offered; where it is not sustained, the highest rate that is gets looked for. */
export const WORKS = [
  { name: "call", title: "whole call over UDP", goal: 1, latency: "invite_to_180", loads: windows(["-m", "call", "-n", 1000, "-u", WARM]) },
  { name: "call-10k", title: "the same at 10,000 calls/s", goal: 1, latency: "invite_to_180", rate: 10_000, loads: [["-m", "call", "-n", 1000, "-u", WARM, "-w", 8000]] },
  { name: "call-digest", title: "whole call, INVITE with digest", goal: 1, latency: "invite_to_180", require: "all", peer: ["WITH_AUTH", "WITH_CALL_AUTH"], loads: windows(["-m", "call", "-a", "-n", 1000, "-u", WARM]) },
  { name: "call-tcp", title: "whole call over TCP", goal: 1, latency: "invite_to_180", loads: [["-m", "call", "-t", "tcp", "-n", 1000, "-u", WARM, "-w", 64]] },
  { name: "register", title: "REGISTER", goal: 1, latency: "register", loads: windows(["-m", "register", "-n", 10_000, "-u", WARM]) },
  { name: "register-digest", title: "REGISTER with digest", goal: 1, latency: "register", require: "register", peer: ["WITH_AUTH"], loads: windows(["-m", "register", "-a", "-n", 10_000, "-u", WARM]) },
  { name: "register-tcp", title: "REGISTER over TCP", goal: 1, latency: "register", loads: [["-m", "register", "-t", "tcp", "-n", 10_000, "-u", WARM, "-w", 64]] },
  { name: "subscribe", title: "SUBSCRIBE → 200 and first NOTIFY", goal: 1, latency: "subscribe_to_notify", peer: ["WITH_PRESENCE"], loads: [["-m", "subscribe", "-n", 5000, "-W", 10, "-w", 64]] },
  { name: "publish", title: "PUBLISH to 10 watchers", goal: 0.85, latency: "publish_to_notify", peer: ["WITH_PRESENCE"], loads: [["-m", "presence", "-n", 1000, "-W", 10, "-u", WARM, "-w", 8]] },
  { name: "publish-100", title: "the same at 100 PUBLISH/s", goal: null, latency: "publish_to_notify", peer: ["WITH_PRESENCE"], loads: [["-m", "presence", "-n", 1000, "-W", 10, "-u", WARM, "-w", 500, "-r", 100]] },
  { name: "blf", title: "call with 15 dialog NOTIFYs, 300 calls/s", goal: 0.3, latency: "invite_to_notify_early", peer: ["WITH_PRESENCE", "WITH_BLF"], database: true, loads: [["-m", "blf", "-n", 500, "-W", 5, "-u", WARM, "-w", 2000, "-r", 300, "-R", 100, "-H", 200]] },
  { name: "lamps", title: "40,000 lamps (2,000 people with 20 each), 200 calls/s", goal: null, latency: "invite_to_notify_early", isOurs: true, loads: [["-m", "blf", "-n", 2000, "-W", 20, "-u", WARM, "-w", 2000, "-r", 200, "-R", 1000, "-H", 2000]] },
];

/** The same load with 64 and with 256 jobs under way. */
function windows(args) {
  return [64, 256].map((window) => [...args, "-w", window]);
}
