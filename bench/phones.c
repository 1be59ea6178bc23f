/*
 * phones - many desk phones on one host, each with a registration (digest), lamps (subscriptions to the event `dialog`) and perhaps a standing call.
 * Unlike sipload it behaves as phones do: the retransmission timers of RFC 3261 §17, renewals inside the dialogs that it has, a kept nonce with its count,
 * Retry-After obeyed, a 481 answered by a new subscription.  Build: gcc -O2 -o phones phones.c (with sip-wire.h beside it).  Loopback only.
 *
 * Commands on standard input; each is answered by one line of JSON on standard output:
 *   setup            every phone registers and subscribes, a few at a time
 *   renew MS         every phone registers and renews all that it has, started within MS milliseconds (0: at once)
 *   calls N          calls between pairs of phones, until N are up
 *   steady S         for S seconds each call sends a re-INVITE (a tenth of them a BYE) and the first -g phones a REGISTER, once an interval (-i)
 *   quit
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sip-wire.h"

#define T1 0.5
#define T2 4.0
#define GIVE_UP (64 * T1)
#define TX_MAX 262144
enum { REG, SUB, INV, REINV, BYE, OK200, KINDS };
static const char *KIND_NAMES[KINDS] = {"register", "subscribe", "invite", "reinvite", "bye", "answer"};

typedef struct { char *target, *route, tag[96]; int cseq, epoch, alive; } Dialog;
typedef struct { char *challenge; unsigned uses; int cseq, registered; } Phone;
typedef struct { Dialog d; long last_notify; int answered, notifies, gave_up; } Lamp;
typedef struct { Dialog d; int up, turns, ok_tx; unsigned ok_gen; } Call;
typedef struct { int used, kind, index, sock, tries, length; unsigned gen; char *text; double begun, next, interval; } Tx;
typedef struct { int kind; double begun, ms; } Sample;

static int o_phones = 1000, o_lamps = 10, o_sockets = 64, o_window = 256, o_interval = 5000, o_registering = 1000, o_expires = 3600, o_first;
static const char *o_domain = "bench.example", *o_password = "secret";
static char server_ip[64], seed[16]; static int server_port, poller;
static struct { int fd, port; } socks[512];
static Phone *phones; static Lamp *lamps; static Call *calls; static int calls_wanted;
static Tx txs[TX_MAX]; static int free_tx[TX_MAX], free_count, tx_top, active; static unsigned gen_count;
static Sample *samples; static int sample_count, sample_room, is_sampling;
static uint64_t resent[KINDS], timed_out[KINDS], refused[KINDS], busy, challenges, gone, notify_repeated, notify_stray, unexpected, full; static int codes[700];
static char out_text[8192];

/* ---------- transactions ---------- */
static void sendto_server(int sock, const char *text, int length) { if (send(socks[sock].fd, text, length, 0) != length && errno != EAGAIN && errno != ECONNREFUSED) unexpected++; }
static Tx *open_tx(int kind, int index, int sock) {
  if (!free_count) { full++; return NULL; }
  int at = free_tx[--free_count]; Tx *t = &txs[at]; if (at >= tx_top) tx_top = at + 1;
  active++; *t = (Tx){.used = 1, .kind = kind, .index = index, .sock = sock, .gen = ++gen_count, .begun = now(), .interval = T1}; return t; }
static void close_tx(Tx *t) { if (!t->used) return; free(t->text); t->text = NULL; t->used = 0; active--; free_tx[free_count++] = t - txs; }
static void launch(Tx *t, const char *text, int length) { free(t->text); t->text = malloc(length); memcpy(t->text, text, length); t->length = length; t->interval = T1; t->next = now() + T1; sendto_server(t->sock, text, length); }
static void sample(Tx *t, int is_ok) { if (!is_sampling) return;
  if (sample_count == sample_room) { sample_room = sample_room ? sample_room * 2 : 4096; samples = realloc(samples, sample_room * sizeof *samples); }
  samples[sample_count++] = (Sample){t->kind, t->begun, is_ok ? (now() - t->begun) * 1e3 : -1}; }

/* ---------- requests ---------- */
static void credentials(char *line, size_t room, Phone *p, const char *method, const char *uri, int is_register) { *line = 0; if (!p->challenge) return; char name[32]; snprintf(name, sizeof name, "u%d", o_first + (int)(p - phones));
  digest_line(line, room, is_register ? "Authorization" : "Proxy-Authorization", (S){p->challenge, strlen(p->challenge)}, name, o_password, method, uri, (unsigned)(p - phones), ++p->uses); }
/* Phone 0 is user uN of -O N. */
#define USER(phone) (o_first + (phone))
static int resource_of(int lamp) { return (lamp / o_lamps + 1 + (lamp % o_lamps) * 7) % o_phones; }
static int callee_of(int call) { return (call + o_phones / 2) % o_phones; }
static int sock_of(int phone) { return phone % o_sockets; }

static void request(Tx *t) {
  char line[1024], uri[512]; int n = 0, port = socks[t->sock].port, at = t - txs;
  if (t->kind == REG) {
    Phone *p = &phones[t->index]; snprintf(uri, sizeof uri, "sip:%s", o_domain); credentials(line, sizeof line, p, "REGISTER", uri, 1);
    n = snprintf(out_text, sizeof out_text, "REGISTER %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-p%d.%u.%d\r\nMax-Forwards: 70\r\nFrom: <sip:u%d@%s>;tag=r%d\r\nTo: <sip:u%d@%s>\r\nCall-ID: r%d-%s@phones\r\nCSeq: %d REGISTER\r\n"
      "Contact: <sip:u%d@127.0.0.1:%d>\r\nExpires: %d\r\nUser-Agent: phones\r\n%sContent-Length: 0\r\n\r\n", uri, port, at, t->gen, t->tries, USER(t->index), o_domain, t->index, USER(t->index), o_domain, t->index, seed, ++p->cseq, USER(t->index), port, o_expires, line);
  } else if (t->kind == SUB) {
    Lamp *l = &lamps[t->index]; int who = t->index / o_lamps, what = resource_of(t->index);
    if (l->d.alive) snprintf(uri, sizeof uri, "%s", l->d.target); else snprintf(uri, sizeof uri, "sip:u%d@%s", USER(what), o_domain);
    credentials(line, sizeof line, &phones[who], "SUBSCRIBE", uri, 0);
    n = snprintf(out_text, sizeof out_text, "SUBSCRIBE %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-p%d.%u.%d\r\nMax-Forwards: 70\r\n%sFrom: <sip:u%d@%s>;tag=s%d\r\nTo: <sip:u%d@%s>%s\r\nCall-ID: s%d.%d.%s@phones\r\nCSeq: %d SUBSCRIBE\r\n"
      "Contact: <sip:u%d@127.0.0.1:%d>\r\nEvent: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: %d\r\n%sContent-Length: 0\r\n\r\n", uri, port, at, t->gen, t->tries, l->d.alive && l->d.route ? l->d.route : "", USER(who), o_domain, t->index, USER(what), o_domain, l->d.alive ? l->d.tag : "",
      t->index, l->d.epoch, seed, ++l->d.cseq, USER(who), port, o_expires, line);
  } else {
    Call *c = &calls[t->index]; const char *method = t->kind == BYE ? "BYE" : "INVITE"; int callee = callee_of(t->index);
    static const char sdp[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8\r\na=sendrecv\r\n";
    int body = t->kind == BYE ? 0 : (int)sizeof sdp - 1;
    if (t->kind == INV) snprintf(uri, sizeof uri, "sip:u%d@%s", USER(callee), o_domain); else snprintf(uri, sizeof uri, "%s", c->d.target);
    credentials(line, sizeof line, &phones[t->index], method, uri, 0); if (t->kind != INV && !t->tries) *line = 0;
    n = snprintf(out_text, sizeof out_text, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-p%d.%u.%d\r\nMax-Forwards: 70\r\n%sFrom: <sip:u%d@%s>;tag=c%d\r\nTo: <sip:u%d@%s>%s\r\nCall-ID: c%d.%d.%s@phones\r\nCSeq: %d %s\r\nContact: <sip:u%d@127.0.0.1:%d>\r\n%s%sContent-Length: %d\r\n\r\n%s",
      method, uri, port, at, t->gen, t->tries, t->kind != INV && c->d.route ? c->d.route : "", USER(t->index), o_domain, t->index, USER(callee), o_domain, t->kind == INV ? "" : c->d.tag, t->index, c->d.epoch, seed, ++c->d.cseq, method, USER(t->index), port, line, body ? "Content-Type: application/sdp\r\n" : "", body, body ? sdp : "");
  }
  launch(t, out_text, n < (int)sizeof out_text ? n : (int)sizeof out_text - 1); }
static int begin(int kind, int index, int phone) { Tx *t = open_tx(kind, index, sock_of(phone)); if (t) request(t); return t != NULL; }
static void forget(Dialog *d) { free(d->target); free(d->route); d->target = d->route = NULL; *d->tag = 0; d->alive = 0; d->cseq = 0; d->epoch++; }

/* What a 2xx says about the dialog; a route set is fixed by the first. */
static void learn(Dialog *d, Msg *m) {
  const char *tag = memmem(m->to.p, m->to.n, ";tag=", 5), *lt = memchr(m->contact.p ? m->contact.p : "", '<', m->contact.n), *gt = lt ? memchr(lt, '>', m->contact.p + m->contact.n - lt) : NULL;
  if (tag && !d->alive) { snprintf(d->tag, sizeof d->tag, "%.*s", (int)(m->to.p + m->to.n - tag), tag);
    char routes[2048]; int n = 0; *routes = 0; for (int i = m->nrr - 1; i >= 0; i--) n += snprintf(routes + n, sizeof routes - n, "Route: %.*s\r\n", m->rr[i].n, m->rr[i].p); d->route = n ? strdup(routes) : NULL; }
  if (gt) { free(d->target); d->target = strndup(lt + 1, gt - lt - 1); }
  if (d->target) d->alive = 1; }
static void ack_2xx(int call, Msg *m) { Call *c = &calls[call]; if (!c->d.target) return; int sock = sock_of(call);
  int n = snprintf(out_text, sizeof out_text, "ACK %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-a%d.%ld.%u\r\nMax-Forwards: 70\r\n%sFrom: %.*s\r\nTo: %.*s\r\nCall-ID: %.*s\r\nCSeq: %ld ACK\r\nContent-Length: 0\r\n\r\n",
    c->d.target, socks[sock].port, call, m->cseq, ++gen_count, c->d.route ? c->d.route : "", m->from.n, m->from.p, m->to.n, m->to.p, m->callid.n, m->callid.p, m->cseq); sendto_server(sock, out_text, n); }
static void ack_refusal(int call, int sock, Msg *m) {
  int n = snprintf(out_text, sizeof out_text, "ACK sip:u%d@%s SIP/2.0\r\nVia: %.*s\r\nMax-Forwards: 70\r\nFrom: %.*s\r\nTo: %.*s\r\nCall-ID: %.*s\r\nCSeq: %ld ACK\r\nContent-Length: 0\r\n\r\n",
    USER(callee_of(call)), o_domain, m->via[0].n, m->via[0].p, m->from.n, m->from.p, m->to.n, m->to.p, m->callid.n, m->callid.p, m->cseq); sendto_server(sock, out_text, n); }

/* ---------- answers ---------- */
static void succeeded(Tx *t, Msg *m) {
  int index = t->index, kind = t->kind; sample(t, 1); close_tx(t);
  switch (kind) {
  case REG: { Phone *p = &phones[index]; int was = p->registered; p->registered = 1; if (!was && !is_sampling) for (int i = 0; i < o_lamps; i++) if (!lamps[index * o_lamps + i].answered) begin(SUB, index * o_lamps + i, index); break; }
  case SUB: learn(&lamps[index].d, m); lamps[index].answered = 1; break;
  case INV: case REINV: learn(&calls[index].d, m); calls[index].up = 1; ack_2xx(index, m); break;
  case BYE: calls[index].up = 0; forget(&calls[index].d); break; } }
static void gave_up(Tx *t) { sample(t, 0); if (t->kind == SUB) lamps[t->index].gave_up = 1; if (t->kind == BYE || t->kind == INV) { calls[t->index].up = 0; forget(&calls[t->index].d); } close_tx(t); }
static void answered(Tx *t, Msg *m) {
  int is_invite = t->kind == INV || t->kind == REINV;
  if (m->code < 200) { if (is_invite) t->next = now() + GIVE_UP; else t->interval = T2; return; }
  if (is_invite && m->code >= 300) ack_refusal(t->index, t->sock, m);
  if (m->code < 300) { succeeded(t, m); return; }
  if ((m->code == 401 || m->code == 407) && m->auth.n && t->tries < 20) { challenges++; int who = t->kind == SUB ? t->index / o_lamps : t->index; Phone *p = &phones[who]; free(p->challenge); p->challenge = strndup(m->auth.p, m->auth.n); p->uses = 0; t->tries++; request(t); return; }
  codes[m->code % 700]++;
  if (m->code == 503 && (t->kind == REG || t->kind == SUB)) { busy++; sample(t, 0); /* the same request again, when the server says so */
    t->tries++; free(t->text); t->text = NULL; t->length = 0; t->next = now() + (m->retry > 0 ? m->retry : 1) + (double)(t->index % 1000) / 1000; return; }
  if ((m->code == 481 || m->code == 404) && t->kind == SUB && lamps[t->index].d.alive) { gone++; forget(&lamps[t->index].d); lamps[t->index].last_notify = -1; t->tries++; request(t); return; }
  if (m->code == 503) busy++; refused[t->kind]++; gave_up(t); }

/* ---------- requests that come in ---------- */
static int reply(char *text, Msg *m, const char *status, const char *tag, const char *extra, const char *body, int with_routes) {
  int n = sprintf(text, "SIP/2.0 %s\r\n", status);
  for (int i = 0; i < m->nvia; i++) n += sprintf(text + n, "Via: %.*s\r\n", m->via[i].n, m->via[i].p);
  if (with_routes) for (int i = 0; i < m->nrr; i++) n += sprintf(text + n, "Record-Route: %.*s\r\n", m->rr[i].n, m->rr[i].p);
  return n + sprintf(text + n, "From: %.*s\r\nTo: %.*s%s\r\nCall-ID: %.*s\r\nCSeq: %ld %.*s\r\n%sContent-Length: %d\r\n\r\n%s", m->from.n, m->from.p, m->to.n, m->to.p, tag, m->callid.n, m->callid.p, m->cseq, m->cseqm.n, m->cseqm.p, extra, (int)strlen(body), body); }
static void notified(Msg *m) { int index, epoch; if (sscanf(m->callid.p, "s%d.%d.", &index, &epoch) != 2 || index < 0 || index >= o_phones * o_lamps || epoch != lamps[index].d.epoch) { notify_stray++; return; }
  Lamp *l = &lamps[index]; if (m->cseq <= l->last_notify) { notify_repeated++; return; } l->last_notify = m->cseq; l->notifies++; }
static void asked(int sock, Msg *m) { char tag[40] = "", extra[192];
  if (seq(m->method, "NOTIFY")) { int n = reply(out_text, m, "200 OK", "", "", "", 0); sendto_server(sock, out_text, n); notified(m); return; }
  int call, epoch; if (sscanf(m->callid.p, "c%d.%d.", &call, &epoch) != 2 || call < 0 || call >= o_phones) { if (seq(m->method, "ACK")) return; int n = reply(out_text, m, "200 OK", "", "", "", 0); sendto_server(sock, out_text, n); return; }
  Call *c = &calls[call]; Tx *t = c->ok_gen && txs[c->ok_tx].gen == c->ok_gen && txs[c->ok_tx].used ? &txs[c->ok_tx] : NULL;
  if (seq(m->method, "ACK")) { if (t) close_tx(t); c->ok_gen = 0; return; }
  if (!seq(m->method, "INVITE")) { int n = reply(out_text, m, "200 OK", "", "", "", 0); sendto_server(sock, out_text, n); return; }
  if (t) { sendto_server(sock, t->text, t->length); return; }
  if (!memmem(m->to.p, m->to.n, ";tag=", 5)) snprintf(tag, sizeof tag, ";tag=e%d.%d", call, epoch);
  snprintf(extra, sizeof extra, "Contact: <sip:u%d@127.0.0.1:%d>\r\nContent-Type: application/sdp\r\n", USER(callee_of(call)), socks[sock].port);
  int n = reply(out_text, m, "200 OK", tag, extra, "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40002 RTP/AVP 0\r\n", 1);
  t = open_tx(OK200, call, sock); if (!t) return; c->ok_tx = t - txs; c->ok_gen = t->gen; launch(t, out_text, n); }

static void handle(int sock, const char *text, int length) { Msg m; if (length < 12 || !parse(text, length, &m)) { if (length > 4) unexpected++; return; }
  if (!m.code) { asked(sock, &m); return; }
  int at; unsigned gen; const char *branch = m.nvia ? memmem(m.via[0].p, m.via[0].n, "branch=z9hG4bK-p", 16) : NULL;
  if (branch && sscanf(branch + 16, "%d.%u.", &at, &gen) == 2 && at >= 0 && at < TX_MAX && txs[at].used && txs[at].gen == gen) {
    int tries = -1; sscanf(branch + 16, "%*d.%*u.%d", &tries); if (tries == txs[at].tries) answered(&txs[at], &m); else if (m.code >= 300 && seq(m.cseqm, "INVITE")) ack_refusal(txs[at].index, sock, &m); return; }
  int call; if (seq(m.cseqm, "INVITE") && m.code >= 200 && sscanf(m.callid.p, "c%d.", &call) == 1 && call >= 0 && call < o_phones) { if (m.code < 300) ack_2xx(call, &m); else ack_refusal(call, sock, &m); } }

/* ---------- the loop ---------- */
static void pump(int ms) { struct epoll_event ready[64]; static char in[65536]; int n = epoll_wait(poller, ready, 64, ms);
  for (int i = 0; i < n; i++) for (int j = 0; j < 64; j++) { int r = recv(socks[ready[i].data.u32].fd, in, sizeof in - 1, MSG_DONTWAIT); if (r < 0) break; in[r] = 0; handle(ready[i].data.u32, in, r); }
  static double scanned; double t = now(); if (t - scanned < 0.02) return; scanned = t;
  for (int i = 0; i < tx_top; i++) { Tx *x = &txs[i]; if (!x->used || x->next > t) continue;
    if (!x->length) { x->begun = t; request(x); continue; }
    if (t - x->begun > GIVE_UP) { timed_out[x->kind]++; if (is_sampling || (x->kind != REG && x->kind != SUB)) { gave_up(x); continue; } x->tries++; x->begun = t; request(x); continue; } /* a phone tries again */
    resent[x->kind]++; x->interval *= 2; if (x->kind != INV && x->kind != REINV && x->interval > T2) x->interval = T2; x->next = t + x->interval; sendto_server(x->sock, x->text, x->length); }
  while (tx_top && !txs[tx_top - 1].used) tx_top--; }
static void linger(double seconds) { double until = now() + seconds; while (now() < until) pump(10); }
static void reset_counts(void) { memset(resent, 0, sizeof resent); memset(timed_out, 0, sizeof timed_out); memset(refused, 0, sizeof refused); memset(codes, 0, sizeof codes); busy = challenges = gone = notify_repeated = notify_stray = unexpected = full = 0; }
static void print_counts(void) {
  printf("\"retransmissions\":{"); for (int i = 0; i < KINDS; i++) printf("%s\"%s\":%lu", i ? "," : "", KIND_NAMES[i], resent[i]);
  printf("},\"timeouts\":{"); for (int i = 0; i < KINDS; i++) printf("%s\"%s\":%lu", i ? "," : "", KIND_NAMES[i], timed_out[i]);
  printf("},\"codes\":{"); int any = 0; for (int i = 0; i < 700; i++) if (codes[i]) { printf("%s\"%d\":%d", any ? "," : "", i, codes[i]); any = 1; }
  printf("},\"busy\":%lu,\"challenges\":%lu,\"gone\":%lu,\"notify_repeated\":%lu,\"notify_stray\":%lu,\"unexpected\":%lu,\"table_full\":%lu}\n", busy, challenges, gone, notify_repeated, notify_stray, unexpected, full); fflush(stdout); }

static void count(int *registered, int *answered, int *notified, int *extra, int *failed) { *registered = *answered = *notified = *extra = *failed = 0;
  for (int i = 0; i < o_phones; i++) *registered += phones[i].registered;
  for (int i = 0; i < o_phones * o_lamps; i++) { Lamp *l = &lamps[i]; *answered += l->answered; *notified += l->notifies > 0; *extra += l->notifies > 1 ? l->notifies - 1 : 0; *failed += l->gave_up; } }

/* Every phone registers and, once it is registered, renews its lamps. `window` bounds what is under way, 0 does not. */
static void renew(const char *event, double spread, int window) {
  reset_counts(); for (int i = 0; i < o_phones; i++) phones[i].registered = 0;
  for (int i = 0; i < o_phones * o_lamps; i++) { Lamp *l = &lamps[i]; l->answered = l->notifies = l->gave_up = 0; }
  double t0 = now(), at_registered = -1, at_answered = -1, at_notified = -1, looked = 0; int started = 0, registered, answered_count, notified_count, extra, failed;
  for (;;) { double t = now(); for (int burst = 0; burst < 32 && started < o_phones && (!window || active < window) && t - t0 >= spread * started / o_phones; burst++) begin(REG, started, started), started++;
    pump(started < o_phones ? (window || spread > 0 ? 1 : 0) : 5);
    if (t - looked < 0.02) continue; looked = t; if (started < o_phones) continue;
    count(&registered, &answered_count, &notified_count, &extra, &failed);
    if (at_registered < 0 && registered == o_phones) at_registered = t - t0; if (at_answered < 0 && answered_count == o_phones * o_lamps) at_answered = t - t0; if (at_notified < 0 && notified_count == o_phones * o_lamps) at_notified = t - t0;
    if ((at_registered >= 0 && at_answered >= 0 && at_notified >= 0) || (!active && t - t0 > spread + 2) || t - t0 > 240) break; }
  double ended = now() - t0; linger(window ? 0.5 : 5); /* what comes late or twice */
  count(&registered, &answered_count, &notified_count, &extra, &failed);
  printf("{\"event\":\"%s\",\"phones\":%d,\"lamps\":%d,\"seconds\":%.3f,\"registered\":%d,\"registered_s\":%.3f,\"subscribed\":%d,\"subscribed_s\":%.3f,\"notified\":%d,\"notified_s\":%.3f,\"notify_extra\":%d,\"gave_up\":%d,", event, o_phones, o_phones * o_lamps, ended, registered, at_registered, answered_count, at_answered, notified_count, at_notified, extra, failed);
  print_counts(); }
static int calls_up(void) { int n = 0; for (int i = 0; i < o_phones; i++) n += calls[i].up; return n; }
static void set_up_calls(int wanted) { reset_counts(); if (wanted > o_phones / 2) wanted = o_phones / 2; calls_wanted = wanted;
  for (int i = 0; i < wanted; i++) { if (calls[i].up) continue; while (active >= 64) pump(1); calls[i].turns = 0; begin(INV, i, i); }
  double t0 = now(); while (active && now() - t0 < GIVE_UP) pump(5);
  printf("{\"event\":\"calls\",\"wanted\":%d,\"up\":%d,", wanted, calls_up()); print_counts(); }
static void steady(double seconds) { reset_counts(); sample_count = 0; is_sampling = 1; double t0 = now(), each = o_interval * 1e-3; long done = 0, slots = (long)calls_wanted + o_registering;
  /* Turn after turn, calls and registrations mixed evenly over the interval. */
  while (now() - t0 < seconds) { long due = slots ? (long)((now() - t0) / each * slots) : 0;
    for (int burst = 0; done < due && burst < 32; burst++, done++) { long slot = (done * 7919) % slots; int turn = done / slots;
      if (slot >= calls_wanted) { begin(REG, slot - calls_wanted, slot - calls_wanted); continue; }
      Call *c = &calls[slot]; if (!c->up) continue; if ((turn + slot) % 10 == 9) { c->up = 0; begin(BYE, slot, slot); } else begin(REINV, slot, slot); }
    pump(1); }
  double ended = now(), t; while (active && (t = now()) - ended < GIVE_UP + 1) pump(5); is_sampling = 0;
  printf("{\"event\":\"steady\",\"from\":%.3f,\"to\":%.3f,\"calls_up\":%d,\"samples\":[", t0, ended, calls_up());
  for (int i = 0; i < sample_count; i++) printf("%s[\"%s\",%.3f,%.3f]", i ? "," : "", KIND_NAMES[samples[i].kind], samples[i].begun, samples[i].ms);
  printf("],"); print_counts(); }

static void open_socket(int i) { int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20; struct sockaddr_in here = {.sin_family = AF_INET}, there = {.sin_family = AF_INET, .sin_port = htons(server_port)}; socklen_t length = sizeof here;
  inet_pton(AF_INET, "127.0.0.1", &here.sin_addr); inet_pton(AF_INET, server_ip, &there.sin_addr);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size); setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  if (fd < 0 || bind(fd, (void *)&here, sizeof here) || connect(fd, (void *)&there, sizeof there)) { perror("socket"); exit(1); }
  getsockname(fd, (void *)&here, &length); fcntl(fd, F_SETFL, O_NONBLOCK); socks[i].fd = fd; socks[i].port = ntohs(here.sin_port);
  struct epoll_event e = {.events = EPOLLIN, .data.u32 = i}; epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e); }
static void usage(void) { fprintf(stderr, "phones -s 127.x.y.z:port [-n phones] [-W lamps a phone] [-k sockets] [-i ms between two requests of a call or phone] [-g phones that refresh in `steady`] [-e expires] [-x password] [-d domain] [-O first user]\ncommands on standard input: see the head of phones.c\n"); exit(2); }
int main(int count_, char **arguments) { const char *server = NULL; int c;
  while ((c = getopt(count_, arguments, "s:n:W:k:i:g:e:x:d:O:")) != -1) switch (c) {
    case 's': server = optarg; break; case 'n': o_phones = atoi(optarg); break; case 'W': o_lamps = atoi(optarg); break; case 'k': o_sockets = atoi(optarg); break; case 'i': o_interval = atoi(optarg); break;
    case 'g': o_registering = atoi(optarg); break; case 'e': o_expires = atoi(optarg); break; case 'x': o_password = optarg; break; case 'd': o_domain = optarg; break; case 'O': o_first = atoi(optarg); break; default: usage(); }
  if (!server || sscanf(server, "%63[0-9.]:%d", server_ip, &server_port) != 2 || strncmp(server_ip, "127.", 4) || o_sockets < 1 || o_sockets > 512 || o_phones < 2 || o_lamps < 0) usage();
  if (o_registering > o_phones) o_registering = o_phones;
  md5init(); snprintf(seed, sizeof seed, "%x", (unsigned)(getpid() * 2654435761u ^ time(NULL))); poller = epoll_create1(0); gen_count = (unsigned)time(NULL) & 0xffffff;
  for (int i = 0; i < o_sockets; i++) open_socket(i);
  for (int i = TX_MAX - 1; i >= 0; i--) free_tx[free_count++] = i;
  phones = calloc(o_phones, sizeof *phones); lamps = calloc((size_t)o_phones * o_lamps + 1, sizeof *lamps); calls = calloc(o_phones, sizeof *calls); for (int i = 0; i < o_phones * o_lamps; i++) lamps[i].last_notify = -1;
  /* Between commands the phones go on answering. */
  fcntl(0, F_SETFL, O_NONBLOCK); char line[256]; int length = 0;
  for (;;) { pump(10); char byte; int r; while ((r = read(0, &byte, 1)) == 1 && byte != '\n') if (length < (int)sizeof line - 1) line[length++] = byte;
    if (r == 0) return 0; if (r < 0) continue; line[length] = 0; length = 0;
    if (!strcmp(line, "setup")) renew("setup", 0, o_window); else if (!strncmp(line, "renew", 5)) renew("renew", atof(line + 5) * 1e-3, 0);
    else if (!strncmp(line, "calls ", 6)) set_up_calls(atoi(line + 6)); else if (!strncmp(line, "steady ", 7)) steady(atof(line + 7)); else if (!strcmp(line, "quit")) return 0; else fprintf(stderr, "unknown command %s\n", line); } }
