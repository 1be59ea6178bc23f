import { describe, expect, test } from "vitest";
import { keyedHash } from "../../../src/base/keyed-hash.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { TimerWheel } from "../../../src/base/timer-wheel.ts";
import { parseBranch } from "../../../src/sip/transaction/branch.ts";
import { Event, lingerMs, Machine, standardTimes, State, type EventId, type MachineId } from "../../../src/sip/transaction/machine.ts";
import { TransactionTable } from "../../../src/sip/transaction/table.ts";
import type { TransactionId, TransactionUser } from "../../../src/sip/transaction/user.ts";
import type { Flow, Protocol } from "../../../src/sip/transport/transport.ts";
import { FakeClock } from "../../sim/fake-clock.ts";

const user: TransactionUser = { onResponse: () => undefined, onTimeout: () => undefined, onUnreachable: () => undefined, onCancel: () => undefined };

function fakeFlow(protocol: Protocol, send: (text: string) => boolean): Flow {
  const listener = { protocol, address: "10.0.0.1", port: 5060, network: "default", url: `${protocol}://10.0.0.1:5060` };
  return { protocol, listener, localAddress: "10.0.0.1", localPort: 5060, remoteAddress: "10.0.0.2", remotePort: 5060, connection: protocol === "udp" ? 0 : 1, isOpen: true, send, close: () => undefined };
}

class Bench {
  readonly clock = new FakeClock();
  readonly wheel = new TimerWheel(this.clock);
  readonly told: { transaction: TransactionId; event: EventId }[] = [];
  readonly hash = keyedHash(new Uint8Array(16).fill(7));
  readonly table: TransactionTable;
  sent = 0;
  takes = true;
  readonly udp = fakeFlow("udp", () => this.#take());
  readonly tcp = fakeFlow("tcp", () => this.#take());

  constructor(seed: number, transactionsMax: number) {
    this.table = new TransactionTable({
      wheel: this.wheel,
      random: seededRandom(seed),
      times: standardTimes,
      transactionsMax,
      tell: (_user, transaction, event) => this.told.push({ transaction, event }),
    });
  }

  #take(): boolean {
    this.sent++;
    return this.takes;
  }

  server(machine: MachineId, key: string, flow: Flow): TransactionId {
    this.hash.hash(key);
    return this.table.openServer(machine, this.hash, flow, `the request ${key}`, user);
  }

  find(key: string): TransactionId {
    this.hash.hash(key);
    return this.table.find(this.hash);
  }
}

/** What the model knows of one transaction: its diagram as plain code, and the moment of its end. */
interface Modelled {
  readonly machine: MachineId;
  readonly isReliable: boolean;
  readonly key: string;
  readonly id: TransactionId;
  state: number;
  endsAt: number;
}

const GIVE_UP = 64 * standardTimes.t1Ms;

/** Moves the model on, straight from the diagrams of RFC 3261 §17 and RFC 6026; true when the event counts. */
function move(one: Modelled, event: EventId, now: number): boolean {
  const { machine, state } = one;
  const linger = (next: number): void => {
    one.state = next;
    one.endsAt = now + lingerMs(machine, next, one.isReliable, standardTimes);
  };
  const isFinal = event === Event.success || event === Event.failure;
  if (machine === Machine.inviteServer) {
    if (state === State.proceeding) {
      if (event === Event.success) linger(State.accepted);
      else if (event === Event.failure) {
        one.state = State.completed;
        one.endsAt = now + GIVE_UP;
      }
      return event !== Event.ack;
    }
    if (state === State.completed && event === Event.ack) linger(State.confirmed);
    else if (state === State.completed) return event === Event.request;
    return (state === State.completed && event === Event.ack) || (state === State.accepted && (event === Event.success || event === Event.ack));
  }
  if (machine === Machine.server) {
    if (state === State.completed) return event === Event.request;
    if (event === Event.ack || (event === Event.request && state === State.trying)) return false;
    if (event === Event.provisional) one.state = State.proceeding;
    else if (isFinal) linger(State.completed);
    return true;
  }
  if (event === Event.request || event === Event.ack) return false;
  if (state === State.trying || state === State.proceeding) {
    if (event === Event.provisional) {
      one.state = State.proceeding;
      if (machine === Machine.inviteClient && state === State.trying) one.endsAt = Infinity;
    } else linger(machine === Machine.inviteClient && event === Event.success ? State.accepted : State.completed);
    return true;
  }
  return machine === Machine.inviteClient && event === (state === State.accepted ? Event.success : Event.failure);
}

describe("the table agrees with a simple model", () => {
  test.each(Array.from({ length: 10 }, (_, index) => index + 1))("random transactions, events and times, seed %i", (seed) => {
    const random = seededRandom(seed);
    const bench = new Bench(seed, 150);
    const { table, clock } = bench;
    const live = new Map<TransactionId, Modelled>();
    const over: Modelled[] = [];
    let keys = 0;
    const startMs = clock.now();
    const says = (round: number, what: string): string => `${what}; seed ${seed}, round ${round}`;
    // Time moves by the wheel's ticks, one at least, so that the model knows the moment exactly.
    const lapse = (): void => {
      for (const [id, one] of live) {
        if (one.endsAt > clock.now()) continue;
        live.delete(id);
        over.push(one);
      }
    };
    for (let round = 0; round < 3000; round++) {
      const chosen = [...live.values()][random.below(Math.max(1, live.size))];
      const choice = random.below(10);
      if (choice < 3) {
        const isReliable = random.below(3) === 0;
        const machine = ([Machine.inviteServer, Machine.server, Machine.inviteClient, Machine.client] as const)[random.below(4)] ?? Machine.server;
        const key = `key ${++keys}`;
        const flow = isReliable ? bench.tcp : bench.udp;
        const isServer = machine < Machine.inviteClient;
        const id = isServer ? bench.server(machine, key, flow) : table.openClient(machine, user);
        expect(id === 0, says(round, "full when the model is full")).toBe(live.size === 150);
        if (id === 0) continue;
        expect(live.has(id), says(round, "a handle is given once")).toBe(false);
        if (isServer) live.set(id, { machine, isReliable, key, id, state: machine === Machine.inviteServer ? State.proceeding : State.trying, endsAt: Infinity });
        else if (random.below(10) === 0) table.abandon(id);
        else {
          bench.takes = random.below(20) > 0;
          expect(table.start(id, `the request ${key}`, flow)).toBe(bench.takes);
          if (bench.takes) live.set(id, { machine, isReliable, key, id, state: State.trying, endsAt: clock.now() + GIVE_UP });
          bench.takes = true;
        }
      } else if (choice < 8 && chosen !== undefined) {
        const event = ([Event.request, Event.ack, Event.provisional, Event.success, Event.failure] as const)[random.below(5)] ?? Event.request;
        const counts = move(chosen, event, clock.now());
        expect(table.event(chosen.id, event, "a text"), says(round, `event ${event} of machine ${chosen.machine} in state ${table.state(chosen.id)}`)).toBe(counts);
      } else if (choice === 8 && chosen !== undefined && random.below(4) === 0) {
        table.abandon(chosen.id);
        live.delete(chosen.id);
        over.push(chosen);
      } else {
        clock.advance(10 + 10 * random.below(random.below(5) === 0 ? 1000 : 100));
        lapse();
      }
      expect(table.count, says(round, `count after ${clock.now() - startMs} ms`)).toBe(live.size);
      if (chosen !== undefined && live.has(chosen.id)) {
        expect(table.state(chosen.id), says(round, "state")).toBe(chosen.state);
        expect(table.machine(chosen.id), says(round, "machine")).toBe(chosen.machine);
        if (chosen.machine < Machine.inviteClient) expect(bench.find(chosen.key), says(round, "found by its key")).toBe(chosen.id);
        else expect(table.findClient(parseBranch("s", table.branch(chosen.id, "s", "0")) ?? { slot: 0, generation: 0, cookie: 0 }), says(round, "found by its branch")).toBe(chosen.id);
      }
      const gone = over[random.below(Math.max(1, over.length))];
      if (gone !== undefined) {
        expect([table.state(gone.id), table.event(gone.id, Event.success, "x"), table.request(gone.id), table.user(gone.id)], says(round, "a handle of one that is over")).toEqual([State.free, false, "", null]);
        if (gone.machine < Machine.inviteClient) expect(bench.find(gone.key), says(round, "no longer found")).toBe(0);
      }
    }
    // Those that wait for their user, and INVITEs that ring, are given up by him; the rest ends by itself.
    for (const one of live.values()) if (one.endsAt === Infinity) table.abandon(one.id);
    clock.advance(70_000);
    expect([table.count, table.textCount, bench.wheel.count], `left; seed ${seed}`).toEqual([0, 0, 0]);
    const before = bench.sent;
    clock.advance(200_000);
    expect(bench.sent, `sent after the end; seed ${seed}`).toBe(before);
  });
});

test("100,000 transactions at once: all are found, while the table grows and after; all end", () => {
  const bench = new Bench(1, 100_000);
  const { table } = bench;
  const ids: TransactionId[] = [];
  for (let index = 0; index < 100_000; index++) {
    ids.push(bench.server(Machine.server, `key ${index}`, bench.tcp));
    const earlier = (index * 7919) % (index + 1);
    if (index % 10 === 0) expect(bench.find(`key ${earlier}`), `key ${earlier} of ${index}`).toBe(ids[earlier]);
  }
  expect([table.count, bench.server(Machine.server, "one more", bench.tcp), table.openClient(Machine.client, user)]).toEqual([100_000, 0, 0]);
  for (let index = 0; index < 100_000; index++) if (bench.find(`key ${index}`) !== ids[index]) expect.fail(`key ${index} is not found`);
  for (let index = 0; index < 100_000; index += 2) table.abandon(ids[index] ?? 0);
  for (let index = 0; index < 100_000; index++) if (bench.find(`key ${index}`) !== (index % 2 === 0 ? 0 : ids[index])) expect.fail(`key ${index} after half have gone`);
  for (let index = 1; index < 100_000; index += 2) table.event(ids[index] ?? 0, Event.success, "200");
  bench.clock.advance(100);
  expect([table.count, table.textCount, bench.wheel.count]).toEqual([0, 0, 0]);
});

test("a request too long to be kept is sent all the same, and read as none", () => {
  const bench = new Bench(1, 10);
  const id = bench.table.openClient(Machine.client, user);
  expect(bench.table.start(id, "x".repeat(70_000), bench.udp)).toBe(true);
  expect(bench.table.request(id)).toBe("");
  bench.clock.advance(100_000);
  expect([bench.sent, bench.told.map(({ event }) => event), bench.table.count]).toEqual([1, [Event.timeout], 0]);
});
