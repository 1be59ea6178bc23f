import { silentLog, type Log } from "../../src/base/log.ts";
import { seededRandom, type Random } from "../../src/base/random.ts";
import type { Config, DirectoryFile } from "../../src/config/config.ts";
import { createServer, type Server } from "../../src/server.ts";
import type { Resolver } from "../../src/sip/resolver/resolve.ts";
import { memoryStore, type MemoryStore } from "../../src/store/memory-store.ts";
import type { Store } from "../../src/store/store.ts";
import { FakeClock } from "./fake-clock.ts";
import { simNetwork, type SimConditions, type SimNetwork } from "./network.ts";
import { SimPhone, type PhoneManner } from "./phone.ts";

const DOMAIN = "tel.example.test";
const SERVER = { address: "10.0.0.1", port: 5060 };
const EXPIRES = { defaultSeconds: 3600, minSeconds: 60, maxSeconds: 86_400 };

const config: Config = {
  domain: DOMAIN,
  role: "main",
  node: "sim",
  listen: [{ url: "udp://10.0.0.1:5060" }, { url: "tcp://10.0.0.1:5060" }],
  workers: 1,
  storePath: "",
  durability: "fast",
  authentication: { require: "all", algorithms: ["MD5"], guesses: { count: 5, perMs: 60_000 }, trustedNetworks: [] },
  registerExpires: EXPIRES,
  contactsPerUserMax: 10,
  dialogs: { ageMaxMs: 43_200_000, probeMs: 60_000, endDead: false },
  web: { url: "http://127.0.0.1:0", address: "127.0.0.1", port: 0, auth: "none", token: null, eventStreamsMax: 200 },
  log: { level: "silent", sip: false },
  directoryPath: "",
  presence: {
    merge: true,
    primarySource: "calendar",
    imToRpid: true,
    early: "ringing",
    basicFrom: "reachability",
    notifyIntervalMs: 0,
    historyBytesMax: 0,
    publishExpires: EXPIRES,
    subscribeExpires: EXPIRES,
    anyoneInDomainMayWatch: true,
  },
  limits: { messageBytesMax: 32_768, connectionsMax: 1000, connectionsPerAddressMax: 1000 },
  resolverServers: [],
  phones: [],
};

/** A whole office in made-up time: the real server, phones and a network that loses, doubles and reorders, all from one seed. */
export class Office {
  readonly clock = new FakeClock();
  readonly random: Random;
  readonly network: SimNetwork;
  readonly phones: SimPhone[] = [];
  readonly users: readonly string[];
  /** Errors that the server logged as its own mistakes. */
  readonly errors: string[] = [];
  store: MemoryStore;
  server: Server;
  /** True between a crash at a write and `restart`. */
  isDead = false;
  readonly #probeMs: number;
  #writesLeft = Number.POSITIVE_INFINITY;
  #isLastWriteKept = false;
  #losesDialogs = false;

  private constructor(seed: number, users: readonly string[], weather: Partial<SimConditions>, probeMs: number) {
    this.random = seededRandom(seed);
    this.#probeMs = probeMs;
    this.network = simNetwork({ clock: this.clock, random: this.random, ...weather });
    this.users = users;
    this.store = memoryStore({ node: "sim", clock: this.clock, holdsUntilCommit: true });
    this.clock.afterEach = () => {
      this.store.commit();
    };
    this.server = this.#build();
  }

  /** `probeMs`: how soon the sentinel asks after a call. */
  static async open(seed: number, users: readonly string[], weather: Partial<SimConditions>, probeMs = 60_000): Promise<Office> {
    const office = new Office(seed, users, weather, probeMs);
    await office.server.start();
    return office;
  }

  /** A new phone on the network; in the place of an unplugged one with the same address. */
  async phone(user: string, address: string, protocol: "udp" | "tcp" = "udp", manner: PhoneManner = "strict"): Promise<SimPhone> {
    const phone = new SimPhone({ network: this.network, clock: this.clock, random: this.random, address, user, domain: DOMAIN, server: SERVER, protocol, manner });
    await phone.start();
    const place = this.phones.findIndex((other) => other.options.address === address);
    if (place === -1) this.phones.push(phone);
    else this.phones[place] = phone;
    return phone;
  }

  /** The server dies without a word and starts again on what the store has. */
  async crash(): Promise<void> {
    this.#die();
    await this.restart();
  }

  /** The server will die in the middle of its `writes`-th write from now; that one is kept, with what came before it in its turn, or all of that is lost: nothing of it was said to anybody.
   *  What the dead program does until its turn ends has no effect. */
  crashAtWrite(writes: number, isLastKept: boolean): void {
    this.#writesLeft = writes;
    this.#isLastWriteKept = isLastKept;
  }

  /** What is written of dialogs from now until the next crash is lost with it, as the last second is in a power cut: phones go on talking in calls that no record has. */
  loseDialogs(): void {
    this.#losesDialogs = true;
  }

  /** A dead server starts again on what the store has. */
  async restart(): Promise<void> {
    this.isDead = false;
    this.server = this.#build();
    await this.server.start();
  }

  #die(): void {
    this.isDead = true;
    this.#writesLeft = Number.POSITIVE_INFINITY;
    this.#losesDialogs = false;
    this.server.wheel.close();
    this.network.crash(SERVER.address);
    this.store = this.store.crashed();
  }

  /** The store as the server sees it: it counts writes. */
  #countedStore(): Store {
    const count = (write: () => void): void => {
      const isLast = --this.#writesLeft <= 0;
      if (!isLast || this.#isLastWriteKept) write();
      if (isLast && this.#isLastWriteKept) this.store.commit();
      if (isLast) this.#die();
    };
    const { store } = this;
    return new Proxy<Store>(store, {
      get: (target, name) => {
        if (name === "put") return (...args: Parameters<Store["put"]>) => {
          if (this.#losesDialogs && args[0] === "dialogs") return;
          count(() => {
            target.put(...args);
          });
        };
        if (name === "delete") return (...args: Parameters<Store["delete"]>) => {
          count(() => {
            target.delete(...args);
          });
        };
        const value: unknown = Reflect.get(target, name);
        return value;
      },
    });
  }

  #build(): Server {
    const people: DirectoryFile = { users: this.users.map((id) => ({ id, name: `Person ${id}`, aliases: [], numbers: [], inbound: "none", secret: { kind: "password", password: `secret-${id}` } })) };
    const log: Log = {
      ...silentLog,
      error: (fields, text) => {
        const { err } = fields;
        // What a dead server stumbles over is nobody's mistake.
        if (this.isDead) return;
        this.errors.push(`${text}: ${err instanceof Error ? (err.stack ?? err.message) : String(err)}`);
      },
    };
    return createServer({ ...config, dialogs: { ...config.dialogs, probeMs: this.#probeMs } }, people, {
      clock: this.clock,
      random: this.random,
      transports: this.network.transports(SERVER.address, ["udp://10.0.0.1:5060", "tcp://10.0.0.1:5060"], () => {
        this.store.commit();
      }),
      store: this.#countedStore(),
      resolver: addressesOnly,
      log,
      machineAddresses: () => [SERVER.address],
    });
  }
}

const addressesOnly: Resolver = {
  resolve: ({ host, port, transport }) => (/^[\d.]+$/.test(host) ? [{ protocol: transport ?? "udp", address: host, port: port ?? 5060 }] : []),
};
