import type { Cancel, Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { Account, DemoPhone } from "./demo-phone.ts";
import type { DemoCall } from "./demo-call.ts";
import type { Cast, DemoPerson } from "./cast.ts";
import { CUSTOMERS, MEETINGS } from "./small-talk.ts";

/** What the rhythm of the office needs of a phone. */
export type DayPhone = Pick<DemoPhone, "plug" | "unplug" | "isPlugged" | "register" | "unregister" | "publish" | "call" | "calls" | "onRing" | "watch">;

/** What the day moves. */
export interface OfficeDayDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly cast: Cast;
  /** By extension. */
  readonly phones: ReadonlyMap<string, DayPhone>;
  /** How many minutes of the office pass in a real one. */
  readonly speed: number;
  /** A person's state as the office's calendar would say it (the API of the server); null takes it back. */
  readonly say: (id: string, state: { readonly activities: readonly string[]; readonly note: string } | null) => void;
}

/** What is going on, for the line in the terminal. */
export interface DaySummary {
  /** `09:42` */
  readonly time: string;
  readonly here: number;
  readonly calls: number;
  readonly meeting: number;
  readonly lunch: number;
}

type Place = "away" | "desk" | "lunch" | "meeting" | "broken";

/** Somebody's day. */
interface Worker {
  readonly person: DemoPerson;
  readonly phone: DayPhone;
  place: Place;
  leavesAt: number;
}

const OPENS = 8 * 60;
/** The first day begins when nearly everybody is there: there is something to see at once. */
const BEGINS = 9 * 60 + 5;
const STAND_UP = 9 * 60 + 30;
const SUPPORT_FROM = 9 * 60;
const SUPPORT_UNTIL = 17 * 60;
const CLOSES = 18 * 60 + 30;
const DAY = 24 * 60;
/** Chances that somebody at his desk begins a call in one minute, and that the support line is called. */
const CALL_CHANCE = 0.02;
const SUPPORT_CHANCE = 0.5;
const BREAK_CHANCE = 0.0006;
const WATCHED_MAX = 6;
const TICK_MS_MAX = 500;

/** A day of office life, again and again: people come and register, call, hold, have lunch, meet at 9:30, answer the support line, lose a phone and go home. One random source decides all. */
export class OfficeDay {
  readonly #deps: OfficeDayDeps;
  readonly #workers: readonly Worker[];
  readonly #agenda: { readonly at: number; readonly run: () => void }[] = [];
  readonly #startedAt: number;
  /** Minutes since the midnight before the first day; the night is left out. */
  #minutes = BEGINS;
  #skipped = 0;
  #lastTick = BEGINS;
  #stop: Cancel | null = null;
  #isOver = false;

  constructor(deps: OfficeDayDeps) {
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
    this.#workers = deps.cast.people.flatMap((person) => {
      const phone = deps.phones.get(person.id);
      return phone === undefined ? [] : [{ person, phone, place: "away", leavesAt: CLOSES }];
    });
  }

  start(): void {
    for (const worker of this.#workers) {
      worker.phone.onRing = (call) => {
        this.#rings(worker, call);
      };
    }
    const trunk = this.#phoneOf(this.#deps.cast.trunk);
    trunk?.register();
    this.#plan(0);
    this.#turn();
  }

  /** Nothing happens any more; the phones stay as they are. */
  stop(): void {
    this.#isOver = true;
    this.#stop?.();
  }

  get summary(): DaySummary {
    const of = (place: Place): number => this.#workers.filter((worker) => worker.place === place).length;
    const minutes = Math.floor(this.#minutes % DAY);
    const two = (value: number): string => String(value).padStart(2, "0");
    const talking = this.#workers.reduce((sum, { phone }) => sum + [...phone.calls.values()].filter(({ state, isCaller }) => state === "talking" && !isCaller).length, 0);
    return { time: `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`, here: this.#workers.length - of("away"), calls: talking, meeting: of("meeting"), lunch: of("lunch") };
  }

  #turn(): void {
    if (this.#isOver) return;
    const { clock, speed } = this.#deps;
    this.#minutes = BEGINS + this.#skipped + ((clock.now() - this.#startedAt) / 60_000) * speed;
    if (this.#minutes % DAY > CLOSES) this.#night();
    while ((this.#agenda[0]?.at ?? Infinity) <= this.#minutes) this.#agenda.shift()?.run();
    for (let minute = this.#lastTick + 1; minute <= this.#minutes; minute++) this.#minute(minute % DAY);
    this.#lastTick = Math.floor(this.#minutes);
    this.#stop = clock.after(Math.min(TICK_MS_MAX, 30_000 / speed), () => {
      this.#turn();
    });
  }

  /** Everybody has gone: the next morning comes at once. */
  #night(): void {
    const midnight = (Math.floor(this.#minutes / DAY) + 1) * DAY;
    const morning = midnight + OPENS - 1;
    this.#skipped += morning - this.#minutes;
    this.#minutes = this.#lastTick = morning;
    for (const item of this.#agenda.splice(0)) item.run();
    for (const worker of this.#workers) if (worker.place !== "away") this.#leave(worker);
    this.#plan(midnight);
  }

  #at(minutes: number, run: () => void): void {
    const place = this.#agenda.findIndex(({ at }) => at > minutes);
    this.#agenda.splice(place === -1 ? this.#agenda.length : place, 0, { at: minutes, run });
  }

  /** Later in the same day; `minutes` of the office. */
  #in(minutes: number, run: () => void): void {
    this.#at(this.#minutes + minutes, run);
  }

  /** What is in everybody's calendar today. */
  #plan(midnight: number): void {
    const { random } = this.#deps;
    for (const worker of this.#workers) {
      // Most come within the first hour, the reception first of all.
      const comes = worker === this.#workers[0] ? OPENS : OPENS + random.below(20) + random.below(50);
      this.#at(midnight + comes, () => {
        this.#arrive(worker);
      });
      worker.leavesAt = midnight + 16 * 60 + 30 + random.below(110);
      this.#at(worker.leavesAt, () => {
        this.#leave(worker);
      });
      const lunch = midnight + 11 * 60 + 45 + random.below(75);
      this.#at(lunch, () => {
        this.#lunch(worker, 25 + random.below(25));
      });
    }
    const engineers = this.#workers.filter(({ person }) => person.team === "Engineering");
    this.#at(midnight + STAND_UP, () => {
      this.#meet(engineers, "Stand-up", 15);
    });
    for (const hour of [10, 11, 14, 15, 16]) {
      for (let count = 0; count < Math.max(1, Math.floor(this.#workers.length / 15)); count++) {
        const length = random.below(3) === 0 ? 60 : 30;
        this.#at(midnight + hour * 60 + 30 * random.below(2), () => {
          this.#meet(this.#some(3 + random.below(4)), this.#one(MEETINGS) ?? "Meeting", length);
        });
      }
    }
  }

  #minute(minute: number): void {
    const { random } = this.#deps;
    for (const worker of this.#workers) {
      if (worker.place !== "desk") continue;
      if (this.#chance(CALL_CHANCE) && worker.phone.calls.size === 0) this.#call(worker);
      else if (this.#chance(BREAK_CHANCE)) this.#break(worker, 5 + random.below(20));
    }
    if (minute >= SUPPORT_FROM && minute < SUPPORT_UNTIL && this.#chance(SUPPORT_CHANCE)) this.#customer(this.#deps.cast.queue.id);
    else if (minute >= OPENS && minute < CLOSES && this.#chance(SUPPORT_CHANCE / 4)) this.#customer(this.#deps.cast.people[0]?.id ?? "");
  }

  #arrive(worker: Worker): void {
    const { phone, person } = worker;
    if (worker.place !== "away") return;
    worker.place = "desk";
    this.#register(worker);
    phone.publish({ activity: "", note: "" });
    const others = this.#workers.filter((other) => other !== worker && (worker === this.#workers[0] || other.person.team === person.team));
    for (const other of worker === this.#workers[0] ? others : others.slice(0, WATCHED_MAX)) phone.watch(other.person.id, "dialog");
    for (const other of others.slice(0, 2)) phone.watch(other.person.id, "presence");
  }

  #leave(worker: Worker): void {
    if (worker.place === "away") return;
    if (worker.place === "meeting") this.#deps.say(worker.person.id, null);
    worker.place = "away";
    for (const call of [...worker.phone.calls.values()]) call.hangUp();
    worker.phone.publish(null);
    worker.phone.unregister();
    if (worker.person.team === "Support") worker.phone.unregister(this.#deps.cast.queue);
  }

  #register({ phone, person }: Worker): void {
    phone.register();
    const { queue } = this.#deps.cast;
    if (person.team === "Support") phone.register(queue satisfies Account);
  }

  #lunch(worker: Worker, minutes: number): void {
    if (worker.place !== "desk") return;
    if (worker.phone.calls.size > 0) {
      this.#in(3, () => {
        this.#lunch(worker, minutes);
      });
      return;
    }
    worker.place = "lunch";
    worker.phone.publish({ activity: "meal", note: `Lunch, back at ${this.#clockIn(minutes)}` });
    this.#in(minutes, () => {
      this.#back(worker, "lunch");
      if (worker.place === "desk") worker.phone.publish({ activity: "", note: "" });
    });
  }

  #meet(invited: readonly Worker[], subject: string, minutes: number): void {
    const who = invited.filter(({ place, phone }) => place === "desk" && phone.calls.size === 0);
    for (const worker of who) {
      worker.place = "meeting";
      this.#deps.say(worker.person.id, { activities: ["meeting"], note: subject });
      this.#in(minutes, () => {
        if (worker.place !== "meeting") return;
        this.#deps.say(worker.person.id, null);
        this.#back(worker, "meeting");
      });
    }
  }

  #break(worker: Worker, minutes: number): void {
    worker.place = "broken";
    void worker.phone.unplug();
    this.#in(minutes, () => {
      void worker.phone.plug().then(() => {
        if (worker.place !== "broken" || this.#isOver) return;
        worker.place = "away";
        if (this.#minutes < worker.leavesAt) this.#arrive(worker);
      });
    });
  }

  #back(worker: Worker, from: Place): void {
    if (worker.place === from) worker.place = "desk";
  }

  #call(caller: Worker): void {
    const { random } = this.#deps;
    // Colleagues of the own team more often.
    const others = this.#workers.filter((other) => other !== caller && other.place !== "away" && (random.below(3) === 0 || other.person.team === caller.person.team));
    const callee = this.#one(others);
    if (callee === undefined) return;
    this.#talk(caller.phone.call(callee.person.id), 1 + random.below(7));
  }

  /** Somebody from outside, who does not wait for ever. */
  #customer(id: string): void {
    const { random, cast } = this.#deps;
    const trunk = this.#phoneOf(cast.trunk);
    if (trunk === undefined || id === "" || trunk.calls.size > 6) return;
    this.#talk(trunk.call(id, this.#one(CUSTOMERS) ?? ""), 2 + random.below(8));
  }

  /** What the caller does: he talks, now and then holds the line, hangs up, or gives up when nobody answers. */
  #talk(call: DemoCall, minutes: number): void {
    call.onTalk = () => {
      if (this.#chance(0.2) && minutes > 2) {
        this.#in(1, () => {
          call.hold(true);
        });
        this.#in(1.8, () => {
          call.hold(false);
        });
      }
      this.#in(minutes, () => {
        call.hangUp();
      });
    };
    this.#in(0.9, () => {
      if (call.state === "calling") call.hangUp();
    });
  }

  /** Who is at his desk and free answers, mostly; who speaks is busy. */
  #rings(worker: Worker, call: DemoCall): void {
    if (worker.phone.calls.size > 1) {
      call.reject(486);
      return;
    }
    if (worker.place === "meeting" && this.#chance(0.5)) {
      this.#in(0.2, () => {
        call.reject(486);
      });
      return;
    }
    if (worker.place !== "desk" || this.#chance(0.12)) return;
    this.#in(0.1 + this.#deps.random.below(40) / 100, () => {
      call.answer();
    });
  }

  #clockIn(minutes: number): string {
    const at = Math.round((this.#minutes + minutes) % DAY);
    return `${String(Math.floor(at / 60))}:${String(at % 60).padStart(2, "0")}`;
  }

  #phoneOf(person: DemoPerson): DayPhone | undefined {
    return this.#deps.phones.get(person.id);
  }

  #some(count: number): readonly Worker[] {
    const here = this.#workers.filter(({ place }) => place === "desk");
    return here.map((worker) => ({ worker, order: this.#deps.random.below(1 << 30) })).sort((a, b) => a.order - b.order).slice(0, count).map(({ worker }) => worker);
  }

  #one<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : list[this.#deps.random.below(list.length)];
  }

  #chance(share: number): boolean {
    return this.#deps.random.below(1_000_000) < share * 1_000_000;
  }
}
