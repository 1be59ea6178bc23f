/* The journal's memory for Node on Linux, behind plain Node-API: files that are mapped shared, so that what is appended is in the kernel's hands when `append` returns
 * and survives however this process ends. The contract, and the layout of a record, are in README.md; src/store/journal-native.ts is its only user. */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <errno.h>
#include <node_api.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum {
  CONTRACT_VERSION = 2,
  SLOTS_MAX = 1024, /* mapped segments of this process, of all its stores */
  BYTES_MIN = 4096,
  BYTES_MAX = 1 << 30,
  PAGE = 4096,
  /* The words that a record's fields are handed over in, as doubles. */
  AT_SLOT = 0, AT_OFFSET = 1, AT_SEQUENCE = 2, AT_VERSION = 3, AT_SYNCED = 4, AT_GENERATION = 5, AT_TABLE = 6, AT_KIND = 7, WORDS = 8,
  KEY_MAX = 65535
};

/* A record's header; after it its key and its text, padded to 8 bytes. */
typedef struct {
  uint32_t crc; /* CRC-32 of everything behind it; written last */
  uint32_t length;
  double sequence;
  double version;
  double synced;
  uint32_t generation;
  uint16_t key_length;
  uint8_t table;
  uint8_t kind;
} header_t;
_Static_assert(sizeof(header_t) == 40, "the layout is the files'");

/* Slots belong to the process: one thread maps and warms what another appends to. A slot is not taken anew before its store is closed. */
static struct {
  uint8_t *memory;
  size_t bytes;
} slots[SLOTS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t crc_tables[8][256];
static pthread_once_t tables_made = PTHREAD_ONCE_INIT;

static void make_tables(void) {
  for (uint32_t at = 0; at < 256; at++) {
    uint32_t crc = at;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
    crc_tables[0][at] = crc;
  }
  for (uint32_t at = 0; at < 256; at++)
    for (int table = 1; table < 8; table++) crc_tables[table][at] = (crc_tables[table - 1][at] >> 8) ^ crc_tables[0][crc_tables[table - 1][at] & 255];
}

/* The CRC-32 of zip and zlib, eight bytes at a time. */
static uint32_t crc32_of(const uint8_t *bytes, size_t length) {
  uint32_t crc = ~0u;
  for (; length >= 8; bytes += 8, length -= 8) {
    uint32_t low, high;
    memcpy(&low, bytes, 4);
    memcpy(&high, bytes + 4, 4);
    low ^= crc;
    crc = crc_tables[7][low & 255] ^ crc_tables[6][(low >> 8) & 255] ^ crc_tables[5][(low >> 16) & 255] ^ crc_tables[4][low >> 24] ^ crc_tables[3][high & 255] ^
          crc_tables[2][(high >> 8) & 255] ^ crc_tables[1][(high >> 16) & 255] ^ crc_tables[0][high >> 24];
  }
  for (; length > 0; bytes++, length--) crc = (crc >> 8) ^ crc_tables[0][(crc ^ *bytes) & 255];
  return ~crc;
}

static napi_value number(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

/* Every page present and writable, nothing changed; false when the kernel cannot (before Linux 5.14). */
static bool populate(uint8_t *from, size_t bytes) {
  int result;
  do result = madvise(from, bytes, MADV_POPULATE_WRITE);
  while (result != 0 && errno == EINTR);
  return result == 0;
}

/* map(file, bytes): the number of a new slot, or a negative error number. The file must have its bytes on the disk already, all of them written. */
static napi_value map(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value args[2];
  int32_t file = -1;
  int64_t bytes = 0;
  if (napi_get_cb_info(env, info, &count, args, NULL, NULL) != napi_ok || count < 2 || napi_get_value_int32(env, args[0], &file) != napi_ok ||
      napi_get_value_int64(env, args[1], &bytes) != napi_ok || bytes < BYTES_MIN || bytes > BYTES_MAX || bytes % PAGE != 0) {
    napi_throw_type_error(env, NULL, "a file and a number of bytes are wanted");
    return NULL;
  }
  struct stat found;
  if (fstat(file, &found) != 0) return number(env, -errno);
  if (found.st_size < bytes) return number(env, -EINVAL); /* memory behind the end of a file kills whoever touches it */
  uint8_t *const memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return number(env, -errno);
  /* Nobody uses it yet, so writing back what is there is as good where the kernel is old. */
  if (!populate(memory, (size_t)bytes))
    for (int64_t at = 0; at < bytes; at += PAGE) *(volatile uint8_t *)(memory + at) = *(volatile uint8_t *)(memory + at);
  int slot = -ENFILE;
  pthread_mutex_lock(&lock);
  for (int at = 0; at < SLOTS_MAX && slot < 0; at++)
    if (slots[at].memory == NULL) slot = at;
  if (slot >= 0) {
    slots[slot].bytes = (size_t)bytes;
    __atomic_store_n(&slots[slot].memory, memory, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&lock);
  if (slot < 0) munmap(memory, (size_t)bytes);
  return number(env, slot);
}

static bool slot_of(napi_env env, napi_value value, int32_t *slot) {
  return napi_get_value_int32(env, value, slot) == napi_ok && *slot >= 0 && *slot < SLOTS_MAX && __atomic_load_n(&slots[*slot].memory, __ATOMIC_ACQUIRE) != NULL;
}

/* warm(slot, from, to): has those bytes be written to without a fault; true when the kernel did. */
static napi_value warm(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value args[3], result = NULL;
  int32_t slot;
  int64_t from, to;
  if (napi_get_cb_info(env, info, &count, args, NULL, NULL) != napi_ok || count < 3 || !slot_of(env, args[0], &slot) || napi_get_value_int64(env, args[1], &from) != napi_ok ||
      napi_get_value_int64(env, args[2], &to) != napi_ok) {
    napi_throw_type_error(env, NULL, "a slot and two places are wanted");
    return NULL;
  }
  const int64_t bytes = (int64_t)slots[slot].bytes;
  from = from < 0 ? 0 : from - from % PAGE;
  to = to > bytes ? bytes : to + (PAGE - to % PAGE) % PAGE;
  napi_get_boolean(env, from >= to || populate(slots[slot].memory + from, (size_t)(to - from)), &result);
  return result;
}

/* unmap(slot): its owner has stopped appending. */
static napi_value unmap(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arg;
  int32_t slot;
  if (napi_get_cb_info(env, info, &count, &arg, NULL, NULL) != napi_ok || count < 1 || !slot_of(env, arg, &slot)) return NULL;
  pthread_mutex_lock(&lock);
  munmap(slots[slot].memory, slots[slot].bytes);
  __atomic_store_n(&slots[slot].memory, NULL, __ATOMIC_RELEASE);
  pthread_mutex_unlock(&lock);
  return NULL;
}

typedef struct {
  const double *words;
  napi_ref array;
} appender_t;

/* append(key, text): writes one record with the fields in the words; where the next one goes, or 0 when it does not fit. */
static napi_value append(napi_env env, napi_callback_info info) {
  size_t count = 2, key_length = 0, text_length = 0;
  napi_value args[2];
  void *data = NULL;
  if (napi_get_cb_info(env, info, &count, args, NULL, &data) != napi_ok || count < 2) goto wrong;
  const double *const words = ((appender_t *)data)->words;
  const double slot = words[AT_SLOT], offset = words[AT_OFFSET];
  if (!(slot >= 0 && slot < SLOTS_MAX)) goto wrong;
  uint8_t *const memory = __atomic_load_n(&slots[(int)slot].memory, __ATOMIC_ACQUIRE);
  if (memory == NULL) goto wrong;
  const size_t bytes = slots[(int)slot].bytes;
  if (!(offset >= 0 && offset <= (double)bytes) || (size_t)offset % 8 != 0) goto wrong;
  uint8_t *const record = memory + (size_t)offset;
  const size_t space = bytes - (size_t)offset;
  if (space < sizeof(header_t) + 16) return number(env, 0);
  uint8_t *const body = record + sizeof(header_t);
  const size_t room = space - sizeof(header_t);
  /* What comes back as long as there was room for may have been cut. */
  if (napi_get_value_string_utf8(env, args[0], (char *)body, room, &key_length) != napi_ok) goto wrong;
  if (key_length + 8 >= room) return number(env, 0);
  if (key_length > KEY_MAX) goto wrong;
  if (napi_get_value_string_utf8(env, args[1], (char *)body + key_length, room - key_length, &text_length) != napi_ok) goto wrong;
  if (key_length + text_length + 8 >= room) return number(env, 0);
  header_t header = {
    .length = (uint32_t)(key_length + text_length),
    .sequence = words[AT_SEQUENCE],
    .version = words[AT_VERSION],
    .synced = words[AT_SYNCED],
    .generation = (uint32_t)words[AT_GENERATION],
    .key_length = (uint16_t)key_length,
    .table = (uint8_t)words[AT_TABLE],
    .kind = (uint8_t)words[AT_KIND],
  };
  memcpy(record + 4, (uint8_t *)&header + 4, sizeof header - 4);
  const uint32_t crc = crc32_of(record + 4, sizeof header - 4 + header.length);
  __atomic_store_n((uint32_t *)record, crc, __ATOMIC_RELEASE);
  return number(env, offset + (double)((sizeof header + header.length + 7) / 8 * 8));
wrong:
  napi_throw_type_error(env, NULL, "a mapped slot, a place in it, a key and a text are wanted");
  return NULL;
}

static void release(napi_env env, void *data, void *hint) {
  (void)hint;
  appender_t *const appender = data;
  napi_delete_reference(env, appender->array);
  free(appender);
}

/* appender(words): a function that appends what this Float64Array and its arguments say. */
static napi_value make_appender(napi_env env, napi_callback_info info) {
  size_t count = 1, length = 0;
  napi_value array, function = NULL;
  napi_typedarray_type type;
  void *words = NULL;
  if (napi_get_cb_info(env, info, &count, &array, NULL, NULL) != napi_ok || count < 1 ||
      napi_get_typedarray_info(env, array, &type, &length, &words, NULL, NULL) != napi_ok || type != napi_float64_array || length < WORDS) {
    napi_throw_type_error(env, NULL, "a Float64Array of `words` length is wanted");
    return NULL;
  }
  appender_t *const appender = malloc(sizeof *appender);
  if (appender == NULL) {
    napi_throw_error(env, NULL, "out of memory");
    return NULL;
  }
  appender->words = words;
  if (napi_create_reference(env, array, 1, &appender->array) != napi_ok || napi_create_function(env, "append", NAPI_AUTO_LENGTH, append, appender, &function) != napi_ok ||
      napi_add_finalizer(env, function, appender, release, NULL, NULL) != napi_ok) {
    free(appender);
    napi_throw_error(env, NULL, "an appender could not be made");
    return NULL;
  }
  return function;
}

enum { KIND_BEGIN = 1, KIND_PUT = 2, KIND_DELETE = 3, FACT_SEQUENCE = 0, FACT_VERSION = 1, FACTS = 2 };

/* FNV-1a over eight bytes at a time, folded: only spreads keys over a table that lives for one call. */
static uint32_t spread(const uint8_t *bytes, size_t length, uint8_t table) {
  uint64_t hash = 0xcbf29ce484222325u ^ table, word;
  for (; length >= 8; bytes += 8, length -= 8) {
    memcpy(&word, bytes, 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  }
  word = length;
  for (; length > 0; length--) word = (word << 8) | *bytes++;
  hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  return (uint32_t)(hash >> 32);
}

/* newest(segment, from, to, facts): where the newest record of each key stands among those from one place to another, as a Uint32Array in the order of each key's first one.
 * `facts` (a Float64Array) holds the sequence number before the first, and the largest version so far; both are carried on. Throws where a record is not the next. */
static napi_value newest(napi_env env, napi_callback_info info) {
  size_t count = 4, length = 0, facts_length = 0;
  napi_value args[4], result = NULL;
  int64_t from, to;
  uint8_t *bytes = NULL;
  void *facts_data = NULL;
  napi_typedarray_type type;
  if (napi_get_cb_info(env, info, &count, args, NULL, NULL) != napi_ok || count < 4 || napi_get_buffer_info(env, args[0], (void **)&bytes, &length) != napi_ok ||
      napi_get_value_int64(env, args[1], &from) != napi_ok || napi_get_value_int64(env, args[2], &to) != napi_ok ||
      napi_get_typedarray_info(env, args[3], &type, &facts_length, &facts_data, NULL, NULL) != napi_ok || type != napi_float64_array || facts_length < FACTS || from < 0 || from % 8 != 0 ||
      to < from || to > (int64_t)length) {
    napi_throw_type_error(env, NULL, "a segment, two places in it and a Float64Array are wanted");
    return NULL;
  }
  double *const facts = facts_data;
  size_t records = (size_t)(to - from) / sizeof(header_t) + 1, places = 64, found = 0;
  while (places < 2 * records) places *= 2;
  uint32_t *const offsets = malloc(records * sizeof *offsets); /* of the newest, by the order of the keys' first */
  uint32_t *const table = calloc(places, sizeof *table);       /* 1 + a place in `offsets` */
  const char *wrong = offsets == NULL || table == NULL ? "out of memory" : NULL;
  for (size_t at = (size_t)from; wrong == NULL && at < (size_t)to;) {
    header_t header;
    if ((size_t)to - at < sizeof header) { wrong = "the journal ends within a record"; break; }
    memcpy(&header, bytes + at, sizeof header);
    if (header.length > (size_t)to - at - sizeof header || header.key_length > header.length) { wrong = "the journal ends within a record"; break; }
    if (header.sequence > facts[FACT_SEQUENCE] + 1) { wrong = "a record of the journal is missing"; break; }
    if (header.sequence > facts[FACT_SEQUENCE]) facts[FACT_SEQUENCE] = header.sequence;
    if (header.version > facts[FACT_VERSION]) facts[FACT_VERSION] = header.version;
    const uint8_t *const key = bytes + at + sizeof header;
    if (header.kind == KIND_PUT || header.kind == KIND_DELETE) {
      size_t place = spread(key, header.key_length, header.table) & (places - 1);
      for (; table[place] != 0; place = (place + 1) & (places - 1)) {
        const uint8_t *const other = bytes + offsets[table[place] - 1];
        header_t seen;
        memcpy(&seen, other, sizeof seen);
        if (seen.table == header.table && seen.key_length == header.key_length && memcmp(other + sizeof seen, key, header.key_length) == 0) break;
      }
      if (table[place] == 0) table[place] = (uint32_t)++found;
      offsets[table[place] - 1] = (uint32_t)at;
    } else if (header.kind != KIND_BEGIN) offsets[found++] = (uint32_t)at; /* its key is within its text */
    at += (sizeof header + header.length + 7) / 8 * 8;
  }
  if (wrong != NULL) napi_throw_error(env, NULL, wrong);
  else {
    napi_value buffer;
    void *data = NULL;
    if (napi_create_arraybuffer(env, found * sizeof *offsets, &data, &buffer) == napi_ok) {
      if (found > 0) memcpy(data, offsets, found * sizeof *offsets);
      napi_create_typedarray(env, napi_uint32_array, found, buffer, 0, &result);
    }
  }
  free(offsets);
  free(table);
  return result;
}

NAPI_MODULE_INIT() {
  pthread_once(&tables_made, make_tables);
  napi_value value;
  const struct { const char *name; int number; } numbers[] = {{"version", CONTRACT_VERSION}, {"words", WORDS}};
  for (unsigned at = 0; at < sizeof numbers / sizeof *numbers; at++) {
    napi_create_int32(env, numbers[at].number, &value);
    napi_set_named_property(env, exports, numbers[at].name, value);
  }
  const struct { const char *name; napi_callback call; } calls[] = {{"map", map}, {"warm", warm}, {"unmap", unmap}, {"appender", make_appender}, {"newest", newest}};
  for (unsigned at = 0; at < sizeof calls / sizeof *calls; at++) {
    napi_create_function(env, calls[at].name, NAPI_AUTO_LENGTH, calls[at].call, NULL, &value);
    napi_set_named_property(env, exports, calls[at].name, value);
  }
  return exports;
}
