import type { Metric } from "./admin/metrics.ts";
import type { EventStreams } from "./admin/event-streams.ts";
import type { CalendarFacts } from "./calendar/calendars.ts";
import type { Server } from "./server.ts";
import type { ProtocolCounters } from "./sip/transport/counters.ts";
import type { SystemTransports } from "./sip/transport/system-transports.ts";
import type { Store } from "./store/store.ts";

/** The parts of a server that the metrics read. */
export type MeasuredParts = Pick<Server, "gate" | "layer" | "wheel" | "registrar" | "dialogs" | "sentinel" | "subscriptions" | "authentication" | "directory" | "calendars" | "unrecorded">;

/** How the calendars fare: by calendar, as the configuration names them, and by what failed. */
function calendarMetrics(calendars: Server["calendars"]): readonly Metric[] {
  const perCalendar = (of: (one: CalendarFacts) => number) => (): Record<string, number> => Object.fromEntries(calendars.facts().map((one) => [one.name, of(one)]));
  const sums = (of: (one: CalendarFacts) => CalendarFacts["failures"]) => (): Record<string, number> => {
    const byKind: Record<string, number> = {};
    for (const one of calendars.facts()) for (const [kind, count] of Object.entries(of(one))) byKind[kind] = (byKind[kind] ?? 0) + count;
    return byKind;
  };
  return [
    { name: "lamplight_calendar_polls_total", help: "Times that a calendar was asked.", kind: "counter", label: "calendar", read: perCalendar(({ polls }) => polls) },
    { name: "lamplight_calendar_failures_total", help: "Mailboxes that could not be read, by what failed.", kind: "counter", label: "failure", read: sums(({ failures }) => failures) },
    { name: "lamplight_calendar_hints_total", help: "Times that a calendar's server hinted at a change, which brings the next poll forward.", kind: "counter", label: "calendar", read: perCalendar(({ hints }) => hints) },
    { name: "lamplight_calendar_hint_failures_total", help: "Times that listening for hints failed, by what failed; polls go on as without.", kind: "counter", label: "failure", read: sums(({ hintFailures }) => hintFailures) },
    { name: "lamplight_calendar_mailboxes", help: "Mailboxes that are asked for.", kind: "gauge", label: "calendar", read: perCalendar(({ mailboxes }) => mailboxes) },
    { name: "lamplight_calendar_silent_mailboxes", help: "Mailboxes whose calendar should speak and cannot: what it said was taken back.", kind: "gauge", label: "calendar", read: perCalendar(({ silent }) => silent) },
    { name: "lamplight_calendar_read_timestamp_seconds", help: "When a calendar was last read, seconds since 1970; 0 for never.", kind: "gauge", label: "calendar", read: perCalendar(({ readAt }) => readAt / 1000) },
  ];
}

/** What the server counts, as metrics; read only when asked. */
export function webMetrics(server: MeasuredParts, transports: Pick<SystemTransports, "counters">, streams: EventStreams): readonly Metric[] {
  const { layer, registrar, dialogs, sentinel, subscriptions, authentication } = server;
  const { counters } = subscriptions;
  const perProtocol = (field: keyof ProtocolCounters) => (): Record<string, number> => Object.fromEntries(Object.entries(transports.counters).map(([protocol, one]) => [protocol, one[field]]));
  const counter = (name: string, help: string, read: Metric["read"], label?: string): Metric => ({ name: `lamplight_${name}`, help, kind: "counter", read, ...(label === undefined ? {} : { label }) });
  const gauge = (name: string, help: string, read: Metric["read"], label?: string): Metric => ({ name: `lamplight_${name}`, help, kind: "gauge", read, ...(label === undefined ? {} : { label }) });
  return [
    counter("messages_received_total", "SIP messages received.", perProtocol("messagesIn"), "protocol"),
    counter("messages_sent_total", "SIP messages sent.", perProtocol("messagesOut"), "protocol"),
    counter("received_bytes_total", "Bytes of SIP received.", perProtocol("bytesIn"), "protocol"),
    counter("sent_bytes_total", "Bytes of SIP sent.", perProtocol("bytesOut"), "protocol"),
    counter("keepalives_total", "Keep-alives answered.", perProtocol("keepAlives"), "protocol"),
    gauge("connections", "Connections that are open.", perProtocol("connectionsOpen"), "protocol"),
    counter("connections_refused_total", "Connections closed at once because a limit was reached.", perProtocol("connectionsRefused"), "protocol"),
    counter("connections_timed_out_total", "Connections closed because they were slow, silent or blocked.", perProtocol("connectionsTimedOut"), "protocol"),
    counter("handshake_errors_total", "Connections that ended before their TLS handshake or WebSocket upgrade was done.", perProtocol("handshakeErrors"), "protocol"),
    counter("messages_oversized_total", "Messages larger than the limit.", perProtocol("oversized"), "protocol"),
    counter("messages_unframable_total", "What came on a connection and could not be cut into messages.", perProtocol("unframable"), "protocol"),
    counter("messages_dropped_total", "Messages not sent because their connection's queue was full.", perProtocol("queueDropped"), "protocol"),
    counter("socket_errors_total", "Errors of sockets, ICMP among them.", perProtocol("socketErrors"), "protocol"),
    counter("requests_total", "Requests received, repeated ones included.", () => layer.counts.requests),
    counter("responses_total", "Responses received.", () => layer.counts.responses),
    counter("responses_stray_total", "Responses that belong to no transaction.", () => layer.counts.strayResponses),
    counter("messages_unparsable_total", "Messages that could not be read.", () => layer.counts.unparsable),
    counter("calls_shed_total", "New calls turned away with 503 because more came than can be done.", () => server.gate.shed),
    gauge("overload_limiting", "1 while new calls are let in at a limited rate.", () => (server.gate.isLimiting ? 1 : 0)),
    counter("transactions_refused_total", "Requests refused because the transaction table was full.", () => layer.counts.tableFull),
    gauge("transactions", "Transactions that live.", () => layer.table.count),
    gauge("transaction_text_bytes", "Bytes of messages that transactions keep.", () => layer.table.textBytes),
    counter("retransmissions_total", "Messages that were sent again.", () => layer.table.retransmissions),
    gauge("timers", "Timers that run.", () => server.wheel.count),
    counter("authentications_total", "Authentications by result.", () => ({ ...authentication }), "result"),
    gauge("people", "People in the directory.", () => server.directory.users().length),
    gauge("registered_people", "People with at least one registered contact.", () => registrar.counts.aors),
    gauge("registrations", "Registered contacts.", () => registrar.counts.bindings),
    counter("calls_total", "Calls that have begun.", () => dialogs.begun),
    gauge("calls", "Calls that have not ended.", () => dialogs.count),
    gauge("lamps_unexplained", "Lamps that no call explained, or that were dark although there was one, in the last round over all lamps; each was mended.", () => sentinel.unexplained),
    gauge("calls_doubted", "Calls whose phones are being asked whether they still know them, or did not answer when they were asked last.", () => sentinel.doubted),
    counter("sentinel_probes_total", "Phones asked whether they still know a call, by what they said.", () => ({ ...sentinel.counts.probes }), "answer"),
    counter("calls_healed_total", "Calls that had ended unseen and were taken off the lamps, by what proved it.", () => ({ ...sentinel.counts.healed }), "reason"),
    counter("lamps_mended_total", "Lamps mended because nothing explained them.", () => sentinel.counts.mended),
    counter("calls_adopted_total", "Calls that were not known and were taken up because both phones agreed on them anew.", () => dialogs.adopted),
    counter("phones_mistaken_total", "Phones that lived in a call which they had called dead; their word counts no more.", () => sentinel.counts.mistaken),
    counter("history_lost_total", "States and NOTIFYs that could not be written down for `why` at a moment that is over: the disk refused, or too much came at once.", () => server.unrecorded()),
    ...calendarMetrics(server.calendars),
    gauge("subscriptions", "Subscriptions that live.", () => subscriptions.counts().subscriptions),
    gauge("publications", "Publications that live.", () => subscriptions.counts().publications),
    counter(
      "subscribes_total",
      "SUBSCRIBEs by what became of them.",
      () => ({ created: counters.created, fetched: counters.fetched, refreshed: counters.refreshed, unsubscribed: counters.unsubscribed, refused: counters.refused }),
      "outcome",
    ),
    counter("subscribes_limited_total", "SUBSCRIBEs that were refused because their source sends too many, by what was counted.", () => subscriptions.counters.limited, "by"),
    counter("subscriptions_ended_total", "Subscriptions that ended by themselves.", () => ({ expired: counters.expired, gone: counters.gone }), "reason"),
    counter("notifies_sent_total", "NOTIFYs sent.", () => counters.notifiesSent),
    counter("notifies_total", "NOTIFYs by their outcome.", () => ({ acknowledged: counters.notifiesAcknowledged, failed: counters.notifiesFailed }), "outcome"),
    counter("notifies_saved_total", "Changes that needed no NOTIFY of their own.", () => ({ unchanged: counters.unchanged, coalesced: counters.coalesced }), "reason"),
    counter(
      "publishes_total",
      "PUBLISHes by what became of them.",
      () => ({ published: counters.published, refreshed: counters.publicationsRefreshed, ended: counters.publicationsEnded }),
      "outcome",
    ),
    gauge("event_streams", "Pages that follow /api/events.", () => streams.count),
    counter("event_streams_closed_slow_total", "Event streams closed because nobody read them.", () => streams.closedSlow),
  ];
}

/** How well the store keeps up. */
export function storeMetrics(store: Pick<Store, "health">): readonly Metric[] {
  const gauge = (name: string, help: string, read: () => number): Metric => ({ name: `lamplight_store_${name}`, help, kind: "gauge", read });
  return [
    gauge("stalled", "1 while the disk of the store does not answer or refuses to be written: an alarm.", () => (store.health().isStalled ? 1 : 0)),
    gauge("pending_records", "Records that a power cut would cost.", () => store.health().pendingRecords),
    gauge("pending_bytes", "Bytes of the journal that a power cut would cost.", () => store.health().pendingBytes),
    gauge("pending_seconds", "For how long the oldest record waits for the disk.", () => store.health().pendingSeconds),
    gauge("unwritten_records", "Records that wait in memory because the journal has no room: a crash of the program would cost them.", () => store.health().unwrittenRecords),
  ];
}
