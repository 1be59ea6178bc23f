/* Finds where the parts of a SIP message stand, for Node on Linux behind plain Node-API. It knows plain messages only: those that nearly every phone
 * sends, in which every part that the server reads is written as the grammar's simplest form. Of anything else it says so, and JavaScript reads it.
 * The contract is in README.md; src/sip/native-scan.ts is its only user. */
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
  CONTRACT_VERSION = 3,
  TEXT_MAX = 65535,
  LINES_MAX = 186, /* 250 less the 64 that a message may gain on its way */
  HEADERS = 64,
  /* The shared array of 32-bit integers; a place is -1 when the part is not there. */
  AT_IS_REQUEST = 0,
  AT_METHOD = 1,  /* the number of the method; of a response that of CSeq */
  AT_STATUS = 2,
  AT_URI = 3,     /* start and end of the request URI or the reason phrase */
  AT_HEADERS_END = 5,
  AT_BODY = 6,
  AT_LINES = 7,
  AT_CSEQ = 8,    /* numbers; -1 when the header is not there */
  AT_LENGTH = 9,
  AT_HOPS = 10,
  AT_EXPIRES = 11,
  AT_VIAS = 12,   /* how many Via values there are in all */
  AT_TARGET = 13, /* the request URI's parts: URI_WORDS */
  URI_SECURE = 0, URI_USER = 1, URI_USER_END = 2, URI_HOST = 3, URI_HOST_END = 4, URI_PORT = 5, URI_PARAMS = 6, URI_WORDS = 7,
  AT_VIA = AT_TARGET + URI_WORDS, /* of the topmost Via */
  VIA_START = 0, VIA_END = 1, VIA_TRANSPORT = 2, VIA_TRANSPORT_END = 3, VIA_HOST = 4, VIA_HOST_END = 5, VIA_PORT = 6, VIA_PARAMS = 7, VIA_BRANCH = 8, VIA_BRANCH_END = 9,
  VIA_RPORT = 10, VIA_RPORT_END = 11, VIA_HAS_RECEIVED = 12, VIA_WORDS = 13,
  AT_FROM = AT_VIA + VIA_WORDS, /* start and end of the URI, its parts, start and end of the tag */
  ADDRESS_URI = 0, ADDRESS_URI_END = 1, ADDRESS_PARTS = 2, ADDRESS_TAG = ADDRESS_PARTS + URI_WORDS, ADDRESS_TAG_END = ADDRESS_TAG + 1, ADDRESS_WORDS = ADDRESS_TAG_END + 1,
  AT_TO = AT_FROM + ADDRESS_WORDS,
  AT_LOOP = AT_TO + ADDRESS_WORDS, /* FNV-1a of what routing looks at: request URI, From tag, Call-ID, CSeq number, first Route, with | between */
  AT_KEY = AT_LOOP + 1, /* two hashes of what names a request's transaction: branch, host and port of the topmost Via */
  AT_REFRESH = AT_KEY + 2, /* of a REGISTER: a hash of what decides its outcome beside Call-ID and CSeq */
  AT_FIRST = AT_REFRESH + 1, /* the first line of each header, by its number */
  AT_LINE = AT_FIRST + HEADERS,     /* of each line: the number of its header, its start, its value's start and end */
  WORDS = AT_LINE + 4 * 256
};

/* Those numbers of src/sip/header-name.ts that mean something here; JavaScript defines all of them. */
enum { VIA = 1, FROM = 2, TO = 3, CALL_ID = 4, CSEQ = 5, MAX_FORWARDS = 6, CONTACT = 7, ROUTE = 8, CONTENT_LENGTH = 10, EXPIRES = 12, SUPPORTED = 18, USER_AGENT = 20 };

/* What JavaScript has defined: header names in lower case, and methods. */
enum { NAME_MAX = 31, NAMES_MAX = 200, METHODS_MAX = 32 };
typedef struct {
  char name[NAME_MAX + 1];
  int length;
  int number;
} named_t;
static named_t names[NAMES_MAX];
static int name_count;
static named_t methods[METHODS_MAX];
static int method_count;
static int register_number = -1;

/* Sets of characters. */
enum { NAME = 1, USER = 2, HOST = 4, DIGIT = 8, PARAM = 16, TOKEN = 32, BLANK = 64, WORD = 128 };
static uint8_t kinds[256];
/* Header numbers by a hash of the name; 0 is none. */
enum { BUCKETS = 1024 };
static uint8_t buckets[BUCKETS];

typedef struct {
  napi_env env;
  int32_t *words;
  napi_ref array;
  uint8_t text[TEXT_MAX + 1];
} scanner_t;

static bool is(uint8_t c, int kind) { return (kinds[c] & kind) != 0; }

static void set_kinds(const char *chars, int kind) {
  for (; *chars != 0; chars++) kinds[(uint8_t)*chars] |= (uint8_t)kind;
}

static unsigned name_hash(const uint8_t *name, int length) {
  unsigned hash = (unsigned)length;
  for (int at = 0; at < length; at++) hash = hash * 31 + (name[at] | 0x20u);
  return (hash ^ (hash >> 10)) & (BUCKETS - 1);
}

static void make_tables(void) {
  const char *const lower = "abcdefghijklmnopqrstuvwxyz", *const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", *const digits = "0123456789";
  for (int at = 0; at < 3; at++) {
    const char *const set = at == 0 ? lower : at == 1 ? upper : digits;
    set_kinds(set, NAME | USER | PARAM | TOKEN | WORD);
    if (set != upper) set_kinds(set, HOST);
  }
  set_kinds(digits, DIGIT);
  set_kinds("-", NAME);
  set_kinds("-_.!~*'()&=+$,/", USER);
  set_kinds("-.", HOST);
  set_kinds("-_.!~*'()&+$/:[]%`^{}|@#=", PARAM);
  set_kinds("-.!%*_+`'~", TOKEN);
  set_kinds(" \t", BLANK);
  set_kinds("-.!%*_+`'~ ", WORD);
}

static int header_id(const uint8_t *name, int length) {
  for (unsigned bucket = name_hash(name, length); buckets[bucket] != 0; bucket = (bucket + 1) & (BUCKETS - 1)) {
    const named_t *const known = &names[buckets[bucket] - 1];
    if (known->length != length) continue;
    int at = 0;
    while (at < length && (name[at] | 0x20) == known->name[at]) at++;
    if (at == length) return known->number;
  }
  return 0;
}

static int method_number(const uint8_t *text, int start, int end) {
  for (int at = 0; at < method_count; at++)
    if (methods[at].length == end - start && memcmp(methods[at].name, text + start, (size_t)(end - start)) == 0) return methods[at].number;
  return -1;
}

/* A whole number of at most ten digits, below 2^31; -1 when there is none. Moves `at` behind it. */
static int64_t number(const uint8_t *text, int *at, int end) {
  const int start = *at;
  int64_t value = 0;
  while (*at < end && *at - start < 10 && is(text[*at], DIGIT)) value = value * 10 + text[(*at)++] - '0';
  return *at == start || value > INT32_MAX ? -1 : value;
}

/* `;name=value` and `;name`, without blanks and quotes, up to `end`. Returns where they stop, -1 when they are not plain. */
static int params_end(const uint8_t *text, int at, int end) {
  while (at < end && text[at] == ';') {
    const int name = ++at;
    while (at < end && is(text[at], TOKEN)) at++;
    if (at == name) return -1;
    if (at < end && text[at] == '=') {
      const int value = ++at;
      while (at < end && is(text[at], PARAM)) at++;
      if (at == value) return -1;
    }
  }
  return at;
}

/* host, or [address] of IPv6, and :port. Returns where they stop, -1 when they are not plain; start, end and port at `out`. */
static int host_port(const uint8_t *text, int at, int end, int32_t *out) {
  const int start = at;
  if (at < end && text[at] == '[') {
    int colons = 0;
    for (at++; at < end && (is(text[at], DIGIT) || (text[at] >= 'a' && text[at] <= 'f') || text[at] == ':' || text[at] == '.'); at++) {
      if (text[at] == ':' && text[at + 1] == ':' && text[at + 2] == ':') return -1;
      colons += text[at] == ':';
    }
    if (at >= end || text[at] != ']' || colons < 2) return -1;
    at++;
  } else {
    while (at < end && is(text[at], HOST)) at++;
    if (at == start || text[start] == '-' || text[start] == '.' || text[at - 1] == '-' || text[at - 1] == '.') return -1;
  }
  out[0] = start;
  out[1] = at;
  out[2] = 0;
  if (at < end && text[at] == ':') {
    at++;
    const int digits = at;
    const int64_t port = number(text, &at, end);
    if (port < 0 || port > 65535 || at - digits > 5) return -1;
    out[2] = (int32_t)port;
  }
  return at;
}

/* sip:user@host:port;params or sips:…, from `at` to just `end`. */
static bool uri(const uint8_t *text, int at, int end, int32_t *out) {
  if (end - at < 5 || memcmp(text + at, "sip", 3) != 0) return false;
  at += 3;
  out[URI_SECURE] = text[at] == 's';
  at += out[URI_SECURE];
  if (text[at++] != ':') return false;
  int stop = at;
  while (stop < end && is(text[stop], USER)) stop++;
  out[URI_USER] = out[URI_USER_END] = -1;
  if (stop < end && text[stop] == '@') {
    if (stop == at) return false;
    out[URI_USER] = at;
    out[URI_USER_END] = stop;
    at = stop + 1;
  }
  at = host_port(text, at, end, out + URI_HOST);
  if (at < 0) return false;
  out[URI_PARAMS] = at;
  at = params_end(text, at, end);
  /* An @ behind the host would make what stands before it the user. */
  return at == end && memchr(text + out[URI_PARAMS], '@', (size_t)(end - out[URI_PARAMS])) == NULL;
}

static bool is_param(const uint8_t *text, int at, int end, const char *name, int length) {
  if (end - at < length) return false;
  for (int i = 0; i < length; i++)
    if ((text[at + i] | 0x20) != name[i]) return false;
  return at + length == end || text[at + length] == '=' || text[at + length] == ';';
}

/* One Via value. Returns where it stops, at a comma or at `end`; -1 when it is not plain. */
static int via(const uint8_t *text, int at, int end, int32_t *out) {
  out[VIA_START] = at;
  if (end - at < 12 || memcmp(text + at, "SIP/2.0/", 8) != 0) return -1;
  at += 8;
  out[VIA_TRANSPORT] = at;
  while (at < end && is(text[at], NAME)) at++;
  out[VIA_TRANSPORT_END] = at;
  if (at == out[VIA_TRANSPORT] || at >= end || text[at] != ' ') return -1;
  at = host_port(text, at + 1, end, out + VIA_HOST);
  if (at < 0) return -1;
  out[VIA_PARAMS] = at;
  out[VIA_BRANCH] = out[VIA_BRANCH_END] = out[VIA_RPORT] = out[VIA_RPORT_END] = -1;
  out[VIA_HAS_RECEIVED] = 0;
  while (at < end && text[at] == ';') {
    const int name = ++at;
    while (at < end && is(text[at], TOKEN)) at++;
    if (at == name) return -1;
    int value = -1;
    if (at < end && text[at] == '=') {
      value = ++at;
      while (at < end && is(text[at], PARAM)) at++;
      if (at == value) return -1;
    }
    if (is_param(text, name, at, "branch", 6)) {
      if (value < 0 || out[VIA_BRANCH] >= 0) return -1;
      out[VIA_BRANCH] = value;
      out[VIA_BRANCH_END] = at;
    } else if (is_param(text, name, at, "rport", 5)) {
      if (out[VIA_RPORT] >= 0) return -1;
      out[VIA_RPORT] = name - 1;
      out[VIA_RPORT_END] = at;
    } else if (is_param(text, name, at, "received", 8)) out[VIA_HAS_RECEIVED] = 1;
  }
  out[VIA_END] = at;
  return at == end || text[at] == ',' ? at : -1;
}

/* A From or To value. */
static bool address(const uint8_t *text, int at, int end, int32_t *out) {
  if (at < end && text[at] == '"') {
    for (at++; at < end && text[at] != '"'; at++)
      if (text[at] == '\\' || text[at] < 32 || text[at] == 127) return false;
    at++;
    if (at < end && text[at] == ' ') at++;
    if (at >= end || text[at] != '<') return false;
  } else if (at < end && text[at] != '<') {
    int stop = at;
    while (stop < end && is(text[stop], WORD)) stop++;
    if (stop < end && text[stop] == '<') at = stop;
  }
  int stop;
  if (at < end && text[at] == '<') {
    const uint8_t *const close = memchr(text + at, '>', (size_t)(end - at));
    if (close == NULL) return false;
    stop = (int)(close - text);
    if (!uri(text, at + 1, stop, out + ADDRESS_PARTS)) return false;
    out[ADDRESS_URI] = at + 1;
    out[ADDRESS_URI_END] = stop++;
  } else {
    /* Without brackets what follows ; is the header's own. */
    const uint8_t *const semicolon = memchr(text + at, ';', (size_t)(end - at));
    stop = semicolon == NULL ? end : (int)(semicolon - text);
    if (!uri(text, at, stop, out + ADDRESS_PARTS)) return false;
    out[ADDRESS_URI] = at;
    out[ADDRESS_URI_END] = stop;
  }
  out[ADDRESS_TAG] = out[ADDRESS_TAG_END] = -1;
  for (at = stop; at < end && text[at] == ';';) {
    const int name = ++at;
    while (at < end && is(text[at], TOKEN)) at++;
    if (at == name) return false;
    int value = -1;
    if (at < end && text[at] == '=') {
      value = ++at;
      while (at < end && is(text[at], PARAM)) at++;
      if (at == value) return false;
    }
    if (!is_param(text, name, at, "tag", 3) || out[ADDRESS_TAG] >= 0) continue;
    if (value < 0) return false;
    out[ADDRESS_TAG] = value;
    out[ADDRESS_TAG_END] = at;
  }
  return at == end;
}

static bool start_line(const uint8_t *text, int stop, int32_t *w) {
  if (stop < 12) return false;
  if (memcmp(text, "SIP/", 4) == 0) {
    if (memcmp(text, "SIP/2.0 ", 8) != 0 || text[8] < '1' || text[8] > '6' || !is(text[9], DIGIT) || !is(text[10], DIGIT) || text[11] != ' ') return false;
    w[AT_IS_REQUEST] = 0;
    w[AT_STATUS] = (text[8] - '0') * 100 + (text[9] - '0') * 10 + text[10] - '0';
    w[AT_URI] = 12;
    w[AT_URI + 1] = stop;
    for (int at = 12; at < stop; at++)
      if (text[at] < 32 || text[at] == 127) return false;
    return true;
  }
  int at = 0;
  while (at < stop && text[at] >= 'A' && text[at] <= 'Z') at++;
  if (text[at] != ' ' || stop - at < 14 || memcmp(text + stop - 8, " SIP/2.0", 8) != 0) return false;
  w[AT_IS_REQUEST] = 1;
  w[AT_STATUS] = 0;
  w[AT_METHOD] = method_number(text, 0, at);
  w[AT_URI] = at + 1;
  w[AT_URI + 1] = stop - 8;
  return w[AT_METHOD] >= 0 && uri(text, at + 1, stop - 8, w + AT_TARGET);
}

/* FNV-1a goes on over a part, and a | behind it. */
static uint32_t mixed(uint32_t hash, const uint8_t *text, int at, int end) {
  for (; at >= 0 && at < end; at++) hash = (hash ^ text[at]) * 16777619u;
  return (hash ^ '|') * 16777619u;
}

static int32_t value_at(const int32_t *w, int header, int part) { return w[AT_LINE + 4 * w[AT_FIRST + header] + part]; }

/* The same two lanes as src/sip/via-key.ts. */
static void add_key(const uint8_t *text, int32_t *w) {
  uint32_t high = 2166136261u, low = 0x9747b28cu;
  const int parts[2][2] = {{w[AT_VIA + VIA_BRANCH], w[AT_VIA + VIA_BRANCH_END]}, {w[AT_VIA + VIA_HOST], w[AT_VIA + VIA_HOST_END]}};
  for (int part = 0; part < 2; part++) {
    for (int at = parts[part][0]; at >= 0 && at < parts[part][1]; at++) {
      high = (high ^ text[at]) * 16777619u;
      low = (low ^ text[at]) * 0x5bd1e995u;
    }
    high = (high ^ '|') * 16777619u;
    low = (low ^ '|') * 0x5bd1e995u;
  }
  high = (high ^ (uint32_t)w[AT_VIA + VIA_PORT]) * 16777619u;
  low = (low ^ (uint32_t)w[AT_VIA + VIA_PORT]) * 0x5bd1e995u;
  w[AT_KEY] = (int32_t)high;
  w[AT_KEY + 1] = (int32_t)low;
}

/* FNV-1a goes on over a part and its length: the same as in src/registrar/plain-refresh.ts. */
static uint32_t blended(uint32_t sum, const uint8_t *text, int start, int end) {
  for (int at = start; at < end; at++) sum = (sum ^ text[at]) * 16777619u;
  return (sum ^ (uint32_t)(end - start)) * 16777619u;
}

static uint32_t blended_value(uint32_t sum, const uint8_t *text, const int32_t *w, int header) {
  return w[AT_FIRST + header] < 0 ? blended(sum, text, 0, 0) : blended(sum ^ 1u, text, value_at(w, header, 2), value_at(w, header, 3));
}

static uint32_t refresh_of(const uint8_t *text, const int32_t *w) {
  if (w[AT_FIRST + CONTACT] < 0) return 0;
  uint32_t sum = blended(2166136261u, text, value_at(w, CONTACT, 2), value_at(w, CONTACT, 3));
  sum = blended(sum, text, w[AT_VIA + VIA_START], w[AT_VIA + VIA_PARAMS]);
  sum = blended_value(sum, text, w, EXPIRES);
  sum = blended_value(sum, text, w, SUPPORTED);
  return blended_value(sum, text, w, USER_AGENT);
}

static bool is_plain(const uint8_t *text, int length, int32_t *w) {
  const uint8_t *feed = memchr(text, '\n', (size_t)length);
  if (feed == NULL || feed == text || feed[-1] != '\r') return false;
  if (!start_line(text, (int)(feed - text) - 1, w)) return false;
  for (int at = AT_CSEQ; at <= AT_EXPIRES; at++) w[at] = -1;
  w[AT_VIAS] = 0;
  memset(w + AT_FIRST, 0xff, HEADERS * sizeof *w);
  int lines = 0;
  int cseq_end = 0;
  int at = (int)(feed - text) + 1;
  for (;;) {
    if (at + 1 >= length) return false;
    if (text[at] == '\r' && text[at + 1] == '\n') break;
    const int start = at;
    while (is(text[at], NAME)) at++; /* the text ends in a zero */
    if (at == start || text[at] != ':' || lines >= LINES_MAX) return false;
    const int id = header_id(text + start, at - start);
    at++;
    while (is(text[at], BLANK)) at++;
    feed = memchr(text + at, '\n', (size_t)(length - at));
    if (feed == NULL) return false;
    int end = (int)(feed - text) - 1;
    /* A carriage return that ends no line, a line that goes on: not for us. */
    if (end < at || memchr(text + at, '\r', (size_t)(end + 1 - at)) != text + end || is(text[end + 2], BLANK)) return false;
    const int next = end + 2;
    while (end > at && is(text[end - 1], BLANK)) end--;
    int32_t *const line = w + AT_LINE + 4 * lines;
    line[0] = id;
    line[1] = start;
    line[2] = at;
    line[3] = end;
    if (w[AT_FIRST + id] < 0) w[AT_FIRST + id] = lines;
    else if (id == FROM || id == TO || id == CALL_ID || id == CSEQ || id == MAX_FORWARDS || id == CONTENT_LENGTH || id == EXPIRES) return false;
    lines++;
    int value = at;
    switch (id) {
      case VIA: {
        int32_t other[VIA_WORDS];
        do {
          value = via(text, value, end, w[AT_VIAS]++ == 0 ? w + AT_VIA : other);
          if (value < 0) return false;
          if (value == end) break;
          value++;
          if (value < end && text[value] == ' ') value++;
        } while (true);
        break;
      }
      case FROM:
      case TO:
        if (!address(text, at, end, w + (id == FROM ? AT_FROM : AT_TO))) return false;
        break;
      case CALL_ID:
        if (at == end) return false;
        break;
      case CSEQ: {
        const int64_t cseq = number(text, &value, end);
        if (cseq < 0 || !is(text[value], BLANK) || (text[at] == '0' && value > at + 1)) return false;
        cseq_end = value;
        while (is(text[value], BLANK)) value++;
        const int method = method_number(text, value, end);
        if (method < 0 || (w[AT_IS_REQUEST] == 1 && method != w[AT_METHOD])) return false;
        w[AT_METHOD] = method;
        w[AT_CSEQ] = (int32_t)cseq;
        break;
      }
      case MAX_FORWARDS:
      case CONTENT_LENGTH:
      case EXPIRES: {
        const int64_t found = number(text, &value, end);
        if (found < 0 || value != end || (id == MAX_FORWARDS && found > 255)) return false;
        w[id == MAX_FORWARDS ? AT_HOPS : id == EXPIRES ? AT_EXPIRES : AT_LENGTH] = (int32_t)found;
        break;
      }
      default:
        break;
    }
    at = next;
  }
  w[AT_LINES] = lines;
  w[AT_HEADERS_END] = at;
  w[AT_BODY] = at + 2;
  if (w[AT_VIAS] == 0 || w[AT_FIRST + FROM] < 0 || w[AT_FIRST + TO] < 0 || w[AT_FIRST + CALL_ID] < 0 || w[AT_CSEQ] < 0) return false;
  if (w[AT_IS_REQUEST] == 1) {
    uint32_t hash = mixed(2166136261u, text, w[AT_URI], w[AT_URI + 1]);
    hash = mixed(hash, text, w[AT_FROM + ADDRESS_TAG], w[AT_FROM + ADDRESS_TAG_END]);
    hash = mixed(hash, text, value_at(w, CALL_ID, 2), value_at(w, CALL_ID, 3));
    hash = mixed(hash, text, value_at(w, CSEQ, 2), cseq_end);
    if (w[AT_FIRST + ROUTE] >= 0) hash = mixed(hash, text, value_at(w, ROUTE, 2), value_at(w, ROUTE, 3));
    w[AT_LOOP] = (int32_t)hash;
    add_key(text, w);
    if (w[AT_METHOD] == register_number) w[AT_REFRESH] = (int32_t)refresh_of(text, w);
  }
  return w[AT_LENGTH] < 0 || w[AT_LENGTH] == length - w[AT_BODY];
}

/* scan(text): true when the words now say where everything stands. */
static napi_value scan(napi_env env, napi_callback_info info) {
  size_t count = 1, length = 0;
  napi_value text, result = NULL;
  scanner_t *scanner = NULL;
  if (napi_get_cb_info(env, info, &count, &text, NULL, (void **)&scanner) != napi_ok) return NULL;
  bool plain = napi_get_value_string_latin1(env, text, (char *)scanner->text, TEXT_MAX + 1, &length) == napi_ok && length < TEXT_MAX;
  plain = plain && is_plain(scanner->text, (int)length, scanner->words);
  napi_get_boolean(env, plain, &result);
  return result;
}

/* header(name, number) and method(name, number): what the words will call them; a name in lower case for a header, as written for a method. */
static napi_value define(napi_env env, napi_callback_info info) {
  size_t count = 2, length = 0;
  napi_value given[2];
  void *is_method = NULL;
  named_t one;
  if (napi_get_cb_info(env, info, &count, given, NULL, &is_method) != napi_ok || count < 2 ||
      napi_get_value_string_latin1(env, given[0], one.name, sizeof one.name, &length) != napi_ok || length == 0 || length >= NAME_MAX ||
      napi_get_value_int32(env, given[1], &one.number) != napi_ok || one.number < 0 || (is_method == NULL && one.number >= HEADERS)) {
    napi_throw_type_error(env, NULL, "a name and a number are wanted");
    return NULL;
  }
  one.length = (int)length;
  if (is_method != NULL) {
    if (method_number((const uint8_t *)one.name, 0, one.length) < 0 && method_count < METHODS_MAX) methods[method_count++] = one;
    if (strcmp(one.name, "REGISTER") == 0) register_number = one.number;
    return NULL;
  }
  if (header_id((const uint8_t *)one.name, one.length) != 0 || name_count == NAMES_MAX) return NULL;
  names[name_count++] = one;
  unsigned bucket = name_hash((const uint8_t *)one.name, one.length);
  while (buckets[bucket] != 0) bucket = (bucket + 1) & (BUCKETS - 1);
  buckets[bucket] = (uint8_t)name_count;
  return NULL;
}

static void release(napi_env env, void *data, void *hint) {
  (void)hint;
  scanner_t *const scanner = data;
  napi_delete_reference(env, scanner->array);
  free(scanner);
}

/* scanner(words): a function that scans into this Int32Array. */
static napi_value make_scanner(napi_env env, napi_callback_info info) {
  size_t count = 1, length = 0;
  napi_value array, function = NULL;
  napi_typedarray_type type;
  void *words = NULL;
  if (napi_get_cb_info(env, info, &count, &array, NULL, NULL) != napi_ok || count < 1 ||
      napi_get_typedarray_info(env, array, &type, &length, &words, NULL, NULL) != napi_ok || type != napi_int32_array || length < WORDS) {
    napi_throw_type_error(env, NULL, "an Int32Array of `words` length is wanted");
    return NULL;
  }
  scanner_t *const scanner = malloc(sizeof *scanner);
  if (scanner == NULL) {
    napi_throw_error(env, NULL, "out of memory");
    return NULL;
  }
  scanner->env = env;
  scanner->words = words;
  if (napi_create_reference(env, array, 1, &scanner->array) != napi_ok || napi_create_function(env, "scan", NAPI_AUTO_LENGTH, scan, scanner, &function) != napi_ok ||
      napi_add_finalizer(env, function, scanner, release, NULL, NULL) != napi_ok) {
    free(scanner);
    napi_throw_error(env, NULL, "a scanner could not be made");
    return NULL;
  }
  return function;
}

NAPI_MODULE_INIT() {
  make_tables();
  napi_value value;
  const struct { const char *name; int number; } numbers[] = {{"version", CONTRACT_VERSION}, {"words", WORDS}};
  for (unsigned at = 0; at < sizeof numbers / sizeof *numbers; at++) {
    napi_create_int32(env, numbers[at].number, &value);
    napi_set_named_property(env, exports, numbers[at].name, value);
  }
  napi_create_function(env, "header", NAPI_AUTO_LENGTH, define, NULL, &value);
  napi_set_named_property(env, exports, "header", value);
  napi_create_function(env, "method", NAPI_AUTO_LENGTH, define, methods, &value);
  napi_set_named_property(env, exports, "method", value);
  napi_create_function(env, "scanner", NAPI_AUTO_LENGTH, make_scanner, NULL, &value);
  napi_set_named_property(env, exports, "scanner", value);
  return exports;
}
