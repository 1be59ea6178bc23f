import { hostname } from "node:os";
import { userAgent } from "./agent/user-agent.ts";
import type { Clock } from "./base/clock.ts";
import type { Aor } from "./base/ids.ts";
import { keyedHash } from "./base/keyed-hash.ts";
import type { Log } from "./base/log.ts";
import type { Random } from "./base/random.ts";
import { TimerWheel } from "./base/timer-wheel.ts";
import { dialogPackage } from "./blf/dialog-package.ts";
import { calendars, type CalendarWorld, type Calendars } from "./calendar/calendars.ts";
import type { Config, DirectoryFile } from "./config/config.ts";
import { dialogTable, type DialogTable } from "./dialog/dialog-table.ts";
import { sentinel, type Sentinel } from "./dialog/sentinel.ts";
import { prober } from "./dialog/sentinel-probe.ts";
import { createDirectory, type Directory } from "./directory/directory.ts";
import { interfaceAddresses, ownHosts as ownNames } from "./directory/own-hosts.ts";
import { callFeatures, eventPackages, presenceSources } from "./features.ts";
import { dialogSource } from "./presence/dialog-source.ts";
import { mailboxTable, type MailboxTable } from "./mailbox/mailbox-table.ts";
import { messageSummaryPackage } from "./mailbox/message-summary-package.ts";
import { phoneTable, type PhoneTable } from "./phones/phone-table.ts";
import { paced } from "./presence/pacing.ts";
import { noPast, past, type Past } from "./presence/past.ts";
import { featureEventPackage } from "./presence/feature-event-package.ts";
import { presencePackage } from "./presence/presence-package.ts";
import { presenceService, type PresenceService } from "./presence/presence-service.ts";
import type { RecordDisk } from "./presence/record-disk.ts";
import { recorder } from "./presence/recorder.ts";
import { registrationSource } from "./presence/registration-source.ts";
import { spokenStates, type SpokenStates } from "./presence/spoken-states.ts";
import { watchersOf } from "./presence/watchers.ts";
import { authentication, type AuthenticationCounts } from "./proxy/authentication.ts";
import { Branch } from "./proxy/branch.ts";
import type { ForkDeps } from "./proxy/fork-request.ts";
import { guessLimit } from "./proxy/guess-limit.ts";
import { nextHops } from "./proxy/next-hop.ts";
import { options } from "./proxy/options.ts";
import { ownHosts } from "./proxy/own-hosts.ts";
import { pipeline } from "./proxy/pipeline.ts";
import { lateSuccess, proxy } from "./proxy/proxy.ts";
import { recordRoutes } from "./proxy/record-route.ts";
import { RequestContext } from "./proxy/request-context.ts";
import { routeTokens } from "./proxy/route-token.ts";
import { checkSync, type CheckSyncResult } from "./registrar/check-sync.ts";
import { regPackage } from "./registrar/reg-package.ts";
import { registrar, type Registrar } from "./registrar/registrar.ts";
import { audienceFor, listDirectory, standings, streamOf } from "./watching.ts";
import { winfoPackage } from "./subscription/winfo-package.ts";
import { loadSecrets } from "./secrets.ts";
import { createNonces } from "./sip/digest/nonces.ts";
import type { Resolver } from "./sip/resolver/resolve.ts";
import { targetHealth } from "./sip/resolver/target-health.ts";
import { TransactionLayer } from "./sip/transaction/layer.ts";
import { LoadGate } from "./sip/transaction/load-gate.ts";
import { standardTimes } from "./sip/transaction/machine.ts";
import type { Flow, TransportHandler, Transports } from "./sip/transport/transport.ts";
import { parseSipUri } from "./sip/uri.ts";
import type { Store } from "./store/store.ts";
import { subscriptions, type Subscriptions } from "./subscription/subscriptions.ts";

/** The world that a server runs in: a simulation passes another one. */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly transports: Transports;
  readonly store: Store;
  readonly resolver: Resolver;
  readonly log: Log;
  /** Where what was so when is kept; default: nowhere. */
  readonly record?: RecordDisk;
  /** Where calendars are reached; default: nowhere. */
  readonly calendars?: CalendarWorld;
  /** Addresses of this machine, for the wildcard listeners; default: the real ones. */
  readonly machineAddresses?: () => readonly string[];
}

/** A running server, and what its pages and commands may read. */
export interface Server {
  /** Binds the sockets and serves; rejects with UnavailableError when one cannot be bound. */
  start(): Promise<void>;
  /** Answers what it has taken, then ends. What was acknowledged is in the store. */
  stop(): Promise<void>;
  readonly directory: Directory;
  readonly registrar: Registrar;
  readonly dialogs: DialogTable;
  readonly sentinel: Sentinel;
  readonly presence: PresenceService;
  readonly calendars: Calendars;
  /** States that were set through the API, and do-not-disturb. */
  readonly spoken: SpokenStates;
  /** What was so when, as far as it is recorded. */
  readonly past: Past;
  /** States and NOTIFYs that could not be recorded since the start. */
  readonly unrecorded: () => number;
  /** Resolves when everything that was set before would survive a crash; rejects with UnavailableError. */
  kept(): Promise<void>;
  /** ms since 1970. */
  now(): number;
  readonly subscriptions: Subscriptions;
  readonly mailboxes: MailboxTable;
  readonly phones: PhoneTable;
  /** Asks a person's phones to read their provisioning again (`checkSync`). */
  readonly checkSync: (aor: Aor, reboot: boolean | null) => Promise<readonly CheckSyncResult[]>;
  readonly layer: TransactionLayer;
  readonly gate: LoadGate;
  readonly wheel: TimerWheel;
  readonly authentication: AuthenticationCounts;
}

const TRANSACTIONS_MAX = 1_000_000;
/** More than three minutes (RFC 3261 §16.6 step 11). */
const TIMER_C_MS = 185_000;
const WATCHERS_PER_AOR_MAX = 2000;
const PUBLICATIONS_PER_AOR_MAX = 16;
const PUBLISH_BODY_MAX = 16_384;
const RENOTIFY_WITHIN_MS = 5000;

/** Builds the parts of a server and connects them; nothing runs before `start`. */
export function createServer(config: Config, people: DirectoryFile, world: World): Server {
  const { clock, random, transports, store, resolver, log } = world;
  const wheel = new TimerWheel(clock, (err) => {
    log.error({ err }, "a timer failed by our own mistake");
  });
  const secrets = loadSecrets(store, random);
  const routeHash = keyedHash(secrets.route);
  const listenAddresses = (): readonly string[] => transports.listeners.map((listener) => listener.address);
  const names = ownNames({ listenAddresses, machineAddresses: world.machineAddresses ?? interfaceAddresses, hostName: hostname(), clock });
  const directory = createDirectory({ domain: config.domain, ownHosts: names }, people);
  const own = ownHosts({ isOwnDomain: (host) => directory.isOwnDomain(host), listeners: () => transports.listeners });
  const gate = new LoadGate({ clock, random });
  const layer = new TransactionLayer({
    gate,
    transports,
    wheel,
    random,
    hash: keyedHash(random.bytes(16)),
    times: standardTimes,
    transactionsMax: TRANSACTIONS_MAX,
    log,
    logsSip: config.log.sip,
  });

  const reg = registrar({
    directory,
    wheel,
    clock,
    store,
    open: (hop) => transports.open(hop),
    settings: { expires: config.registerExpires, contactsMax: config.contactsPerUserMax },
    hash: routeHash,
    log,
  });
  const hops = nextHops({ resolver, transports, location: reg, server: layer.serverId });
  const agent = userAgent({ layer, transports, clock, ways: { ofUri: (uri) => hops.ofUri(uri), flowOfContact: (uri) => reg.flowOfContact(uri) } });

  const identify = (text: string): ReturnType<Directory["aorOf"]> => {
    const uri = parseSipUri(text);
    return uri?.user == null ? null : directory.aorOf(uri.user, uri.host);
  };
  const dialogs = dialogTable({
    clock,
    wheel,
    random,
    settings: { ageMaxMs: config.dialogs.ageMaxMs },
    identify,
    nameOf: (aor) => directory.user(aor)?.name ?? "",
    contactsOf: (aor) => reg.bindings(aor).map(({ uri }) => uri),
    store,
    log,
  });
  const registrations = registrationSource({ clock, store });
  reg.onChange((aor, isRegistered) => {
    registrations.changed(aor, isRegistered);
  });
  const record = world.record === undefined ? null : recorder({ disk: world.record, clock, log, presence: () => presence });
  const presence: PresenceService = presenceService({
    clock,
    wheel,
    settings: config.presence,
    sources: presenceSources({ dialog: dialogSource(dialogs), registration: registrations }),
    log,
    ...(record === null ? {} : { witness: record }),
  });
  const spoken = spokenStates({ clock, store, presence, isDisturbedByDefault: (aor) => directory.user(aor)?.doNotDisturb === true, log });
  const diaries = calendars({ calendars: config.calendars, world: world.calendars, directory, presence, clock, random, log });
  const phones = phoneTable(config.phones);
  const mailboxes = mailboxTable({ clock, store });
  const { standingOf, mailStandingOf } = standings(directory);
  const registrationEvents = regPackage({
    registrar: reg,
    clock,
    changed: (event, aor) => {
      watchers.changed(event, aor);
    },
    isWatched: (aor) => watchers.isWatched(aor, "reg"),
    standingOf,
  });
  const audience = audienceFor(directory, clock, () => watchers);
  const packages = eventPackages({
    presence: presencePackage({ presence, standingOf, imToRpid: (userAgent) => config.presence.imToRpid || phones.isImPublisher(userAgent), keepsWritten: !config.presence.merge }),
    dialog: dialogPackage(dialogs, (aor) => directory.user(aor)?.isPrivate === true, standingOf),
    messageSummary: messageSummaryPackage(mailboxes, mailStandingOf),
    reg: registrationEvents,
    featureEvent: featureEventPackage({ doNotDisturb: spoken, forwarding: null }),
    presenceWatchers: winfoPackage("presence", audience),
    dialogWatchers: winfoPackage("dialog", audience),
  });
  const watchers: Subscriptions = subscriptions({
    packages,
    agent,
    wheel,
    clock,
    random,
    store,
    settings: {
      subscribe: config.presence.subscribeExpires,
      publish: config.presence.publishExpires,
      watchersPerAorMax: WATCHERS_PER_AOR_MAX,
      publicationsPerAorMax: PUBLICATIONS_PER_AOR_MAX,
      publishBodyMax: PUBLISH_BODY_MAX,
      listIntervalMs: config.presence.notifyIntervalMs,
      ...(config.limits.subscribe === undefined ? {} : { limits: config.limits.subscribe }),
    },
    profileOf: phones.profileOf,
    lists: listDirectory(directory),
    audience,
    streamOf: (watcher, contact, phone) => streamOf(reg, watcher, contact, phone),
    mayPublish: (call) => call.isTrusted || config.authentication.require !== "all" || call.caller === call.aor,
    log,
    ...(record === null ? {} : { witness: record }),
  });
  dialogs.onChange((aor) => {
    watchers.changed("dialog", aor);
  });
  mailboxes.onChange((aor) => {
    watchers.changed("message-summary", aor);
  });
  spoken.onChange((aor) => {
    watchers.changed("as-feature-event", aor);
  });
  reg.onBindings(
    (aor, before, now) => {
      registrationEvents.bindingsChanged(aor, before, now);
    },
    (aor) => watchers.isWatched(aor, "reg"),
  );
  presence.onChange(
    paced({ wheel, intervalMs: config.presence.notifyIntervalMs }, (aor) => {
      watchers.changed("presence", aor);
    }),
    (aor) => watchers.isWatched(aor, "presence"),
  );
  directory.onChange(({ added, changed, removed }) => {
    spoken.directoryChanged([...added, ...changed]);
    for (const aor of removed) {
      reg.forget(aor);
      registrations.forget(aor);
      spoken.forget(aor);
      presence.forget(aor);
      mailboxes.forget(aor);
      watchers.forget(aor);
    }
    diaries.directoryChanged();
    watchers.directoryChanged();
    // What is private now is hidden from those who see it already.
    for (const aor of changed) for (const event of ["dialog", "message-summary"]) watchers.changed(event, aor);
  });
  reg.onRegistered((aor, contact) => {
    watchers.registered(aor, contact);
  });

  const auth = authentication({
    directory,
    nonces: createNonces({ clock, random, secret: secrets.nonce }),
    guesses: guessLimit({ perMinute: (config.authentication.guesses.count * 60_000) / config.authentication.guesses.perMs, clock }),
    settings: config.authentication,
    offerOf: (userAgent) => phones.profileOf(userAgent).digest,
    mark: {
      identified(call, caller) {
        if (call instanceof RequestContext) call.caller = caller;
      },
      trusted(call) {
        if (call instanceof RequestContext) call.isTrusted = true;
      },
    },
  });
  const features = callFeatures({
    options: options({ events: packages.map(({ name }) => name) }),
    authentication: auth,
    registrar: reg.feature,
    subscription: watchers.feature,
  });
  const tokens = routeTokens(routeHash);
  const fork: ForkDeps = {
    layer,
    transports,
    wheel,
    hops,
    health: targetHealth(clock),
    recordRoutes: recordRoutes(tokens, layer.serverId),
    observer: dialogs,
    log,
    realm: directory.domain,
    timerCMs: TIMER_C_MS,
    timerKind: wheel.kind((transaction) => {
      const user = layer.table.user(transaction);
      if (user instanceof Branch) user.onRingingTooLong();
    }),
    late: lateSuccess(() => layer),
  };
  const requests = pipeline({ features, fork, location: reg, people: directory, own, clock, log });
  const core = proxy({ layer, transports, pipeline: requests, fork, location: reg, own, tokens, hash: routeHash });
  layer.serve(core);
  const guard = sentinel({
    calls: dialogs,
    prober: prober({ agent, random, domain: config.domain, wayWithin: (callId, target, routes) => core.wayWithin(callId, target, routes) }),
    clock,
    wheel,
    log,
    settings: config.dialogs,
  });

  // Until what was stored has been read back, nothing is answered: a phone asks again.
  let isReady = false;
  const handler: TransportHandler = {
    onMessage: (text, flow) => {
      if (isReady) layer.onMessage(text, flow);
    },
    onOversized: (head: string, flow: Flow) => {
      layer.onOversized(head, flow);
    },
    onBacklog: (share) => {
      gate.backlog(share);
    },
    onClosed: (flow, why) => {
      layer.onClosed(flow, why);
      reg.flowClosed(flow);
    },
  };

  return {
    directory,
    registrar: reg,
    dialogs,
    sentinel: guard,
    presence,
    calendars: diaries,
    spoken,
    unrecorded: () => record?.missed ?? 0,
    past:
      world.record === undefined || record === null
        ? noPast
        : past({ disk: world.record, clock, settings: config.presence, written: () => record.written(), watchersOf: (aor) => watchersOf(watchers, aor) }),
    kept: () => store.flushed(),
    now: () => clock.now(),
    subscriptions: watchers,
    mailboxes,
    phones,
    checkSync: checkSync({
      agent,
      registrar: reg,
      random,
      ha1Of: (aor, algorithm, realm) => {
        const ha1 = realm.toLowerCase() === directory.domain ? directory.user(aor)?.ha1 : undefined;
        return (algorithm === "MD5" ? ha1?.md5 : algorithm === "SHA-256" ? ha1?.sha256 : undefined) ?? null;
      },
    }),
    layer,
    gate,
    wheel,
    authentication: auth.counts,
    async start() {
      await transports.start(handler);
      reg.restore();
      dialogs.restore();
      spoken.restore();
      spoken.directoryChanged(directory.users().map(({ aor }) => aor));
      mailboxes.restore();
      watchers.restore();
      store.started();
      // Who has not changed since the last run is written down again: the record of a run is whole.
      if (record !== null) for (const { aor } of directory.users()) record.touched(aor);
      isReady = true;
      guard.start();
      diaries.start();
      // What rang when the last run ended may ring no more: every lamp is told anew, spread so that phones are not flooded.
      watchers.renotify(RENOTIFY_WITHIN_MS);
    },
    async stop() {
      watchers.close();
      await Promise.all([transports.stop(), diaries.stop()]);
      wheel.close();
      await store.flushed().catch((err: unknown) => {
        log.error({ err }, "the store did not take the last writes");
      });
      // The past comes last: it may be lost, what was acknowledged may not.
      await record?.close();
    },
  };
}
