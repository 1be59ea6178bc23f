/*
 * What both load generators need of SIP: a cheap parser of whole messages, MD5 and the fields of a digest challenge, a monotonic clock.
 * Each generator is one translation unit; hence `static`, and no function that one of them leaves out is a mistake.
 */
#ifndef SIP_WIRE_H
#define SIP_WIRE_H
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
/* ---------- small MD5 (RFC 1321) for digest ---------- */
static uint32_t md5k[64];
static const uint8_t md5r[64] = {7,12,17,22,7,12,17,22,7,12,17,22,7,12,17,22,5,9,14,20,5,9,14,20,5,9,14,20,5,9,14,20,
 4,11,16,23,4,11,16,23,4,11,16,23,4,11,16,23,6,10,15,21,6,10,15,21,6,10,15,21,6,10,15,21};
static double mysin(double x) { /* |x|<=64: range reduce then Taylor, enough for 32 bits */
  const double P = 6.283185307179586476925; while (x > P / 2) x -= P; double t = x, s = x;
  for (int i = 1; i < 16; i++) { t *= -x * x / ((2 * i) * (2 * i + 1)); s += t; } return s; }
static void md5init(void) { for (int i = 0; i < 64; i++) { double s = mysin(i + 1.0); if (s < 0) s = -s; md5k[i] = (uint32_t)(s * 4294967296.0); } }
static void md5hex(const char *in, size_t n, char out[33]) {
  uint32_t h[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  size_t tot = ((n + 8) / 64 + 1) * 64; uint8_t b[2048]; if (tot > sizeof b) abort();
  memset(b, 0, tot); memcpy(b, in, n); b[n] = 0x80; uint64_t bits = n * 8ULL; memcpy(b + tot - 8, &bits, 8);
  for (size_t o = 0; o < tot; o += 64) { uint32_t w[16]; memcpy(w, b + o, 64); uint32_t A = h[0], B = h[1], C = h[2], D = h[3];
    for (int i = 0; i < 64; i++) { uint32_t f; int g;
      if (i < 16) { f = (B & C) | (~B & D); g = i; } else if (i < 32) { f = (D & B) | (~D & C); g = (5 * i + 1) & 15; }
      else if (i < 48) { f = B ^ C ^ D; g = (3 * i + 5) & 15; } else { f = C ^ (B | ~D); g = (7 * i) & 15; }
      uint32_t t = D; D = C; C = B; uint32_t x = A + f + md5k[i] + w[g]; B += (x << md5r[i]) | (x >> (32 - md5r[i])); A = t; }
    h[0] += A; h[1] += B; h[2] += C; h[3] += D; }
  for (int i = 0; i < 16; i++) sprintf(out + 2 * i, "%02x", ((uint8_t *)h)[i]); }

/* ---------- parsing ---------- */
typedef struct { const char *p; int n; } S;
typedef struct { int code, retry; S method, ruri, via[8], rr[8], from, to, callid, cseqm, contact, auth, etag, sst, body; int nvia, nrr; long cseq; } Msg;
static int ieq(const char *p, int n, const char *k) { return (int)strlen(k) == n && !strncasecmp(p, k, n); }
static int parse(const char *b, int n, Msg *m) {
  memset(m, 0, sizeof *m); const char *e = b + n, *l = memchr(b, '\n', n); if (!l) return 0;
  if (n > 12 && !memcmp(b, "SIP/2.0 ", 8)) m->code = atoi(b + 8);
  else { const char *q = memchr(b, ' ', l - b); if (!q) return 0; m->method = (S){b, q - b}; const char *r = memchr(q + 1, ' ', l - q - 1); if (!r) return 0; m->ruri = (S){q + 1, r - q - 1}; }
  const char *p = l + 1;
  while (p < e) { l = memchr(p, '\n', e - p); if (!l) break; const char *le = l; if (le > p && le[-1] == '\r') le--;
    if (le == p) { m->body = (S){l + 1, e - l - 1}; return 1; }
    const char *c = memchr(p, ':', le - p); if (c) { const char *v = c + 1; while (v < le && *v == ' ') v++; int hn = c - p; while (hn && p[hn - 1] == ' ') hn--; S val = {v, le - v};
      switch (tolower(*p)) {
      case 'v': if ((ieq(p, hn, "Via") || hn == 1) && m->nvia < 8) m->via[m->nvia++] = val; break;
      case 'r': if (ieq(p, hn, "Retry-After")) m->retry = atoi(v); if (ieq(p, hn, "Record-Route") && m->nrr < 8) m->rr[m->nrr++] = val; break;
      case 'f': if (ieq(p, hn, "From") || hn == 1) m->from = val; break;
      case 't': if (ieq(p, hn, "To") || hn == 1) m->to = val; break;
      case 'i': if (hn == 1) m->callid = val; break;
      case 'm': if (hn == 1) m->contact = val; break;
      case 'w': if (ieq(p, hn, "WWW-Authenticate")) m->auth = val; break;
      case 'p': if (ieq(p, hn, "Proxy-Authenticate")) m->auth = val; break;
      case 's': if (ieq(p, hn, "SIP-ETag")) m->etag = val; else if (ieq(p, hn, "Subscription-State")) m->sst = val; break;
      case 'c': if (ieq(p, hn, "Call-ID")) m->callid = val; else if (ieq(p, hn, "Contact")) m->contact = val;
        else if (ieq(p, hn, "CSeq")) { m->cseq = strtol(v, (char **)&v, 10); while (*v == ' ') v++; m->cseqm = (S){v, le - v}; } break;
      } }
    p = l + 1; }
  return 0; }
static int seq(S a, const char *k) { return a.n == (int)strlen(k) && !memcmp(a.p, k, a.n); }
/* One parameter of a challenge, without its quotes. */
static S qv(S a, const char *key) { int kl = strlen(key); for (int i = 0; i + kl < a.n; i++) if (!strncasecmp(a.p + i, key, kl) && a.p[i + kl] == '=' && (i == 0 || a.p[i - 1] == ' ' || a.p[i - 1] == ',')) {
  const char *v = a.p + i + kl + 1, *e = a.p + a.n; if (*v == '"') { v++; const char *q = memchr(v, '"', e - v); return (S){v, (q ? q : e) - v}; } const char *q = v; while (q < e && *q != ',' && *q != ' ') q++; return (S){v, q - v}; } return (S){0, 0}; }

/* The line `NAME: Digest ...` that answers a challenge. `count` is the nonce's use, from 1. */
static int digest_line(char *line, size_t room, const char *name, S challenge, const char *user, const char *password, const char *method, const char *uri, unsigned cnonce, unsigned count) {
  S realm = qv(challenge, "realm"), nonce = qv(challenge, "nonce"), qop = qv(challenge, "qop"), opaque = qv(challenge, "opaque");
  char text[1024], ha1[33], ha2[33], response[33], quality[96] = "", echoed[160] = "";
  md5hex(text, snprintf(text, sizeof text, "%s:%.*s:%s", user, realm.n, realm.p, password), ha1);
  md5hex(text, snprintf(text, sizeof text, "%s:%s", method, uri), ha2);
  int n = qop.n ? snprintf(text, sizeof text, "%s:%.*s:%08x:%08x:auth:%s", ha1, nonce.n, nonce.p, count, cnonce, ha2) : snprintf(text, sizeof text, "%s:%.*s:%s", ha1, nonce.n, nonce.p, ha2);
  md5hex(text, n, response);
  if (qop.n) snprintf(quality, sizeof quality, ", qop=auth, nc=%08x, cnonce=\"%08x\"", count, cnonce);
  if (opaque.n) snprintf(echoed, sizeof echoed, ", opaque=\"%.*s\"", opaque.n, opaque.p);
  return snprintf(line, room, "%s: Digest username=\"%s\", realm=\"%.*s\", nonce=\"%.*s\", uri=\"%s\", response=\"%s\", algorithm=MD5%s%s\r\n", name, user, realm.n, realm.p, nonce.n, nonce.p, uri, response, quality, echoed); }

#endif
