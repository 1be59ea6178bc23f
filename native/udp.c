/* Batched UDP for Node on Linux: recvmmsg and sendmmsg behind plain Node-API, driven by the event loop of the environment that loads it.
 * The contract with JavaScript is in README.md; src/sip/transport/native-udp.ts is its only user. Everything runs on the environment's own thread. */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <node_api.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/sock_diag.h>
#include <uv.h>

/* Places for senders seen and receivers addressed lately, a power of two; a test builds it with few. */
#ifndef PLACES
#define PLACES 16384
#endif

enum {
  CONTRACT_VERSION = 2,
  RECEIVE_MAX = 32,               /* datagrams of one batch in */
  SEND_MAX = 32,                  /* datagrams of one batch out */
  SLOT_BYTES = 4096,              /* what nearly every datagram fits in; the rest of a longer one goes to the spill */
  SPILL_BYTES = 65536 - SLOT_BYTES,
  SLAB_BYTES = 128 * 1024,        /* texts of one batch out, side by side */
  SOURCES = PLACES,
  DESTINATIONS = PLACES,
  QUEUE_MAX = 4096,               /* datagrams that wait for room in the system's buffer … */
  QUEUE_BYTES_MAX = 8 * 1024 * 1024, /* … and their bytes; above either, new ones are lost and counted */
  SOCKET_BUFFER_BYTES = 4 * 1024 * 1024,
  CLOSE_WAIT_MS = 250,            /* how long a close waits in all for the system to take the rest */
  ADDRESS_TEXT = INET6_ADDRSTRLEN + 1 + IF_NAMESIZE,
  /* The shared array of 32-bit integers. */
  AT_PENDING = 0,                 /* datagrams that wait in the slab; set by JavaScript, zeroed by a flush */
  AT_OUT = 1,                     /* SEND_MAX pairs: destination, length */
  AT_IN = AT_OUT + 2 * SEND_MAX,  /* RECEIVE_MAX pairs: source (its complement when the place has a new owner), port */
  CONTROL_WORDS = AT_IN + 2 * RECEIVE_MAX
};

typedef union {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} address_t;

/* Who sent a datagram, and to which address of ours; compared as bytes, so unused ones are zero. */
typedef struct {
  uint8_t remote[16];
  uint8_t local[16]; /* zeros: not known */
  uint32_t scope;
  uint16_t port;
  uint16_t used;
} source_t;

/* Where a datagram goes, and the control message that names the address it leaves from. */
typedef struct {
  address_t to;
  uint32_t control_length; /* 0: the system chooses */
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
  } control;
} destination_t;

/* The large memory of a socket. */
typedef struct {
  char slots[RECEIVE_MAX][SLOT_BYTES];
  char spills[RECEIVE_MAX][SPILL_BYTES];
  char joined[SLOT_BYTES + SPILL_BYTES];
  source_t sources[SOURCES];
  destination_t destinations[DESTINATIONS];
} tables_t;

typedef struct waiting {
  struct waiting *next;
  destination_t destination;
  uint32_t length;
  char bytes[];
} waiting_t;

struct state;

typedef struct udp {
  uv_poll_t poll; /* first: a handle is its socket */
  struct state *state;
  struct udp *previous, *next;
  int fd, family;
  bool is_wildcard, is_closing, is_handle_closed, is_forgotten, wants_writable;
  napi_ref control_ref, slab_ref, on_batch, on_error, on_closed;
  int32_t *control;
  const char *slab;
  waiting_t *first, *last;
  uint32_t waiting_count;
  size_t waiting_bytes;
  uint32_t errors;
  int last_errno;
  struct mmsghdr in[RECEIVE_MAX];
  struct iovec in_parts[RECEIVE_MAX][2];
  address_t in_from[RECEIVE_MAX];
  union {
    struct cmsghdr align;
    char bytes[64];
  } in_control[RECEIVE_MAX];
  source_t batch[RECEIVE_MAX];
  struct mmsghdr out[SEND_MAX];
  struct iovec out_part[SEND_MAX];
  tables_t *tables;
} udp_t;

/* One for each environment (the main thread, each worker). */
typedef struct state {
  napi_env env;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  uv_prepare_t prepare;
  uv_check_t check;
  udp_t *sockets;
  uint32_t handles; /* not closed yet */
  bool is_ending;
} state_t;

/* ---- sending ---- */

static void count_error(udp_t *udp, int code) {
  udp->errors++;
  udp->last_errno = code;
}

static void watch(udp_t *udp);

static void wait_in_queue(udp_t *udp, const destination_t *destination, const char *bytes, uint32_t length) {
  waiting_t *one = NULL;
  if (udp->waiting_count < QUEUE_MAX && udp->waiting_bytes + length <= QUEUE_BYTES_MAX) one = malloc(sizeof *one + length);
  if (one == NULL) {
    count_error(udp, ENOBUFS);
    return;
  }
  one->next = NULL;
  one->destination = *destination;
  one->length = length;
  memcpy(one->bytes, bytes, length);
  if (udp->last == NULL) udp->first = one;
  else udp->last->next = one;
  udp->last = one;
  udp->waiting_count++;
  udp->waiting_bytes += length;
}

static void drop_first_waiting(udp_t *udp) {
  waiting_t *one = udp->first;
  udp->first = one->next;
  if (udp->first == NULL) udp->last = NULL;
  udp->waiting_count--;
  udp->waiting_bytes -= one->length;
  free(one);
}

static void prepare_out(udp_t *udp, uint32_t at, destination_t *destination, const char *bytes, uint32_t length) {
  struct msghdr *header = &udp->out[at].msg_hdr;
  udp->out_part[at] = (struct iovec){.iov_base = (void *)bytes, .iov_len = length};
  header->msg_name = &destination->to;
  header->msg_namelen = udp->family == AF_INET ? sizeof destination->to.v4 : sizeof destination->to.v6;
  header->msg_iov = &udp->out_part[at];
  header->msg_iovlen = 1;
  header->msg_control = destination->control_length > 0 ? &destination->control : NULL;
  header->msg_controllen = destination->control_length;
  header->msg_flags = 0;
}

/* The address that a peer once used to reach us may be gone: then any other one is better than none. */
static bool sent_from_elsewhere(udp_t *udp, struct msghdr *header, int why) {
  if (header->msg_controllen == 0 || (why != EINVAL && why != EADDRNOTAVAIL && why != ENETUNREACH && why != ENODEV)) return false;
  header->msg_control = NULL;
  header->msg_controllen = 0;
  return sendmsg(udp->fd, header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* Hands `count` prepared datagrams over; gives how many were dealt with: all, or those before one that has to wait. */
static uint32_t send_prepared(udp_t *udp, uint32_t count) {
  uint32_t at = 0;
  while (at < count) {
    int sent = sendmmsg(udp->fd, udp->out + at, count - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      at += (uint32_t)sent;
      continue;
    }
    int why = errno;
    if (why == EINTR) continue;
    if (why == EAGAIN || why == EWOULDBLOCK) break;
    if (!sent_from_elsewhere(udp, &udp->out[at].msg_hdr, why)) count_error(udp, why);
    at++;
  }
  return at;
}

static void send_waiting(udp_t *udp) {
  while (udp->first != NULL) {
    uint32_t count = 0;
    for (waiting_t *one = udp->first; one != NULL && count < SEND_MAX; one = one->next) prepare_out(udp, count++, &one->destination, one->bytes, one->length);
    uint32_t done = send_prepared(udp, count);
    for (uint32_t at = 0; at < done; at++) drop_first_waiting(udp);
    if (done < count) break;
  }
}

/* Sends what JavaScript has laid into the slab; what the system does not take is copied to the queue, so that slab and destinations are free again. */
static void flush(udp_t *udp) {
  int32_t pending = udp->control[AT_PENDING];
  if (pending == 0) return;
  udp->control[AT_PENDING] = 0;
  if (udp->is_closing) return;
  uint32_t count = 0;
  size_t used = 0;
  destination_t *destinations[SEND_MAX];
  for (; count < SEND_MAX && (int32_t)count < pending; count++) {
    int32_t place = udp->control[AT_OUT + 2 * count], length = udp->control[AT_OUT + 2 * count + 1];
    if (place < 0 || place >= DESTINATIONS || length < 0 || (size_t)length > SLAB_BYTES - used) {
      count_error(udp, EINVAL);
      break;
    }
    destinations[count] = &udp->tables->destinations[place];
    prepare_out(udp, count, destinations[count], udp->slab + used, (uint32_t)length);
    used += (size_t)length;
  }
  uint32_t done = udp->first == NULL ? send_prepared(udp, count) : 0;
  for (uint32_t at = done; at < count; at++) wait_in_queue(udp, destinations[at], udp->out_part[at].iov_base, (uint32_t)udp->out_part[at].iov_len);
  if (udp->first != NULL) watch(udp);
}

/* True when something in the slab goes to that place. */
static bool is_pending(const udp_t *udp, int32_t place) {
  for (int32_t at = 0; at < SEND_MAX && at < udp->control[AT_PENDING]; at++) {
    if (udp->control[AT_OUT + 2 * at] == place) return true;
  }
  return false;
}

/* ---- calling JavaScript ---- */

static void call(state_t *state, napi_ref function, size_t count, const napi_value *values) {
  napi_env env = state->env;
  napi_value self, callee, thrown;
  if (napi_get_reference_value(env, function, &callee) != napi_ok || callee == NULL || napi_get_global(env, &self) != napi_ok) return;
  if (napi_make_callback(env, state->context, self, callee, count, values, NULL) != napi_pending_exception) return;
  if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
}

static void report_errors(udp_t *udp) {
  if (udp->errors == 0 || udp->is_closing || udp->state->is_ending) return;
  napi_handle_scope scope;
  napi_value values[2];
  napi_env env = udp->state->env;
  uint32_t errors = udp->errors;
  udp->errors = 0;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_create_int32(env, -udp->last_errno, &values[0]) == napi_ok && napi_create_uint32(env, errors, &values[1]) == napi_ok) call(udp->state, udp->on_error, 2, values);
  napi_close_handle_scope(env, scope);
}

static void flush_all(state_t *state) {
  for (udp_t *udp = state->sockets; udp != NULL; udp = udp->next) flush(udp);
  /* A callback may close a socket, which takes it out of the list: one report a round is enough, the rest follow in the next. */
  for (udp_t *udp = state->sockets; udp != NULL; udp = udp->next) {
    if (udp->errors == 0) continue;
    report_errors(udp);
    break;
  }
}

static void on_prepare(uv_prepare_t *handle) {
  flush_all(handle->data);
}

static void on_check(uv_check_t *handle) {
  flush_all(handle->data);
}

/* ---- receiving ---- */

/* The address of ours that a datagram was sent to; left zero when it is none that we could answer from. */
static void read_local_address(struct msghdr *header, source_t *source) {
  for (struct cmsghdr *one = CMSG_FIRSTHDR(header); one != NULL; one = CMSG_NXTHDR(header, one)) {
    if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO && one->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo))) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(one), sizeof info);
      memcpy(source->local, &info.ipi_spec_dst, 4);
    } else if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO && one->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo))) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(one), sizeof info);
      if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) memcpy(source->local, &info.ipi6_addr, 16);
    }
  }
}

static bool read_source(udp_t *udp, uint32_t at, source_t *source) {
  struct msghdr *header = &udp->in[at].msg_hdr;
  const address_t *from = &udp->in_from[at];
  memset(source, 0, sizeof *source);
  source->used = 1;
  if (udp->family == AF_INET) {
    if (header->msg_namelen < sizeof from->v4 || from->any.sa_family != AF_INET) return false;
    memcpy(source->remote, &from->v4.sin_addr, 4);
    source->port = ntohs(from->v4.sin_port);
  } else {
    if (header->msg_namelen < sizeof from->v6 || from->any.sa_family != AF_INET6) return false;
    memcpy(source->remote, &from->v6.sin6_addr, 16);
    source->port = ntohs(from->v6.sin6_port);
    if (IN6_IS_ADDR_LINKLOCAL(&from->v6.sin6_addr)) source->scope = from->v6.sin6_scope_id;
  }
  if (udp->is_wildcard) read_local_address(header, source);
  return true;
}

static uint32_t source_place(const source_t *source) {
  uint32_t words[sizeof *source / 4], hash = 0;
  memcpy(words, source, sizeof words);
  for (size_t at = 0; at < sizeof words / sizeof words[0]; at++) hash = (hash ^ words[at]) * 0x9E3779B1u, hash ^= hash >> 15;
  return hash & (SOURCES - 1);
}

static void receive(udp_t *udp) {
  state_t *state = udp->state;
  napi_env env = state->env;
  for (uint32_t at = 0; at < RECEIVE_MAX; at++) {
    struct msghdr *header = &udp->in[at].msg_hdr;
    header->msg_namelen = sizeof udp->in_from[at];
    header->msg_controllen = udp->is_wildcard ? sizeof udp->in_control[at] : 0;
    header->msg_flags = 0;
  }
  int received = recvmmsg(udp->fd, udp->in, RECEIVE_MAX, MSG_DONTWAIT, NULL);
  if (received <= 0) {
    if (received < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) count_error(udp, errno);
    return;
  }
  napi_handle_scope scope;
  napi_value texts[RECEIVE_MAX];
  size_t count = 0;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  for (uint32_t at = 0; at < (uint32_t)received; at++) {
    size_t length = udp->in[at].msg_len;
    const char *bytes = udp->in_parts[at][0].iov_base;
    source_t *source = &udp->batch[count];
    if ((udp->in[at].msg_hdr.msg_flags & MSG_TRUNC) != 0 || length > SLOT_BYTES + SPILL_BYTES || !read_source(udp, at, source)) {
      count_error(udp, EMSGSIZE);
      continue;
    }
    if (length > SLOT_BYTES) {
      memcpy(udp->tables->joined, bytes, SLOT_BYTES);
      memcpy(udp->tables->joined + SLOT_BYTES, udp->in_parts[at][1].iov_base, length - SLOT_BYTES);
      bytes = udp->tables->joined;
    }
    if (napi_create_string_latin1(env, bytes, length, &texts[count]) != napi_ok) break;
    uint32_t place = source_place(source);
    bool is_known = memcmp(&udp->tables->sources[place], source, sizeof *source) == 0;
    if (!is_known) udp->tables->sources[place] = *source;
    udp->control[AT_IN + 2 * count] = is_known ? (int32_t)place : ~(int32_t)place;
    udp->control[AT_IN + 2 * count + 1] = source->port;
    count++;
  }
  if (count > 0) call(state, udp->on_batch, count, texts);
  napi_close_handle_scope(env, scope);
}

static void on_poll(uv_poll_t *handle, int status, int events) {
  udp_t *udp = (udp_t *)handle;
  state_t *state = udp->state;
  if (status < 0) {
    /* The socket has an error to tell: reading it clears it, and polling, which libuv has stopped, goes on. */
    int code = 0;
    socklen_t size = sizeof code;
    getsockopt(udp->fd, SOL_SOCKET, SO_ERROR, &code, &size);
    count_error(udp, code != 0 ? code : EIO);
    udp->wants_writable = false;
    events = UV_READABLE;
  }
  if ((events & UV_WRITABLE) != 0) send_waiting(udp);
  /* The socket outlives a close from within: its memory goes in a later round of the loop. */
  if ((events & UV_READABLE) != 0) receive(udp);
  if (!udp->is_closing && (status < 0 || udp->wants_writable != (udp->first != NULL))) watch(udp);
  flush_all(state);
}

/* Polls for what the socket waits for now. */
static void watch(udp_t *udp) {
  udp->wants_writable = udp->first != NULL;
  uv_poll_start(&udp->poll, udp->wants_writable ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_poll);
}

/* ---- addresses ---- */

/* Reads `192.0.2.1`, `2001:db8::1`, `fe80::1%eth0`; false for anything else and for the other family. */
static bool parse_address(int family, const char *text, uint8_t bytes[16], uint32_t *scope) {
  char plain[ADDRESS_TEXT];
  const char *zone = strchr(text, '%');
  size_t length = zone == NULL ? strlen(text) : (size_t)(zone - text);
  *scope = 0;
  if (length >= sizeof plain || (zone != NULL && family != AF_INET6)) return false;
  memcpy(plain, text, length);
  plain[length] = '\0';
  if (zone != NULL && (*scope = if_nametoindex(zone + 1)) == 0) return false;
  return inet_pton(family, plain, bytes) == 1;
}

static bool make_address(int family, const char *text, uint16_t port, address_t *address) {
  uint8_t bytes[16];
  uint32_t scope;
  memset(address, 0, sizeof *address);
  if (!parse_address(family, text, bytes, &scope)) return false;
  if (family == AF_INET) {
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons(port);
    memcpy(&address->v4.sin_addr, bytes, 4);
  } else {
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons(port);
    address->v6.sin6_scope_id = scope;
    memcpy(&address->v6.sin6_addr, bytes, 16);
  }
  return true;
}

static void set_local_address(int family, const uint8_t *bytes, destination_t *destination) {
  struct cmsghdr *header = &destination->control.align;
  if (family == AF_INET) {
    struct in_pktinfo info = {0};
    memcpy(&info.ipi_spec_dst, bytes, 4);
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(header), &info, sizeof info);
    destination->control_length = CMSG_SPACE(sizeof info);
  } else {
    struct in6_pktinfo info = {0};
    memcpy(&info.ipi6_addr, bytes, 16);
    info.ipi6_ifindex = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? destination->to.v6.sin6_scope_id : 0;
    header->cmsg_level = IPPROTO_IPV6;
    header->cmsg_type = IPV6_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(header), &info, sizeof info);
    destination->control_length = CMSG_SPACE(sizeof info);
  }
}

/* ---- opening and closing ---- */

static bool is_zero(const uint8_t *bytes, size_t length) {
  for (size_t at = 0; at < length; at++) {
    if (bytes[at] != 0) return false;
  }
  return true;
}

static void ask_for_buffer(int fd, int forced, int polite) {
  int size = SOCKET_BUFFER_BYTES;
  /* Root may pass the system's limit. */
  if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) != 0) setsockopt(fd, SOL_SOCKET, polite, &size, sizeof size);
}

/* A bound socket, or a negative error number. */
static int open_socket(int family, const address_t *address, bool is_wildcard) {
  int on = 1;
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
  if (fd < 0) return -errno;
  ask_for_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
  ask_for_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
  bool is_ready = family == AF_INET || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0;
  if (is_ready && is_wildcard) {
    is_ready = family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0 : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0;
  }
  if (is_ready) is_ready = bind(fd, &address->any, family == AF_INET ? sizeof address->v4 : sizeof address->v6) == 0;
  if (is_ready) return fd;
  int why = errno;
  close(fd);
  return -why;
}

static void release_tables(udp_t *udp) {
  while (udp->first != NULL) drop_first_waiting(udp);
  if (udp->tables != NULL) munmap(udp->tables, sizeof *udp->tables);
  udp->tables = NULL;
}

/* Pages of zeros from the system: those that are never used take no memory. */
static bool make_tables(udp_t *udp) {
  void *pages = mmap(NULL, sizeof *udp->tables, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return false;
  udp->tables = pages;
  for (uint32_t at = 0; at < RECEIVE_MAX; at++) {
    struct msghdr *header = &udp->in[at].msg_hdr;
    udp->in_parts[at][0] = (struct iovec){.iov_base = udp->tables->slots[at], .iov_len = SLOT_BYTES};
    udp->in_parts[at][1] = (struct iovec){.iov_base = udp->tables->spills[at], .iov_len = SPILL_BYTES};
    header->msg_name = &udp->in_from[at];
    header->msg_iov = udp->in_parts[at];
    header->msg_iovlen = 2;
    header->msg_control = udp->is_wildcard ? &udp->in_control[at] : NULL;
  }
  return true;
}

static void free_when_unused(udp_t *udp) {
  if (udp->is_handle_closed && udp->is_forgotten) free(udp);
}

/* Each handle of the environment passes here once it is closed; the last one ends its ending. */
static void handle_closed(state_t *state) {
  if (--state->handles > 0 || !state->is_ending) return;
  napi_remove_async_cleanup_hook(state->hook);
  free(state);
}

static void forget_reference(napi_env env, napi_ref *reference) {
  if (*reference != NULL) napi_delete_reference(env, *reference);
  *reference = NULL;
}

static void on_poll_closed(uv_handle_t *handle) {
  udp_t *udp = (udp_t *)handle;
  state_t *state = udp->state;
  udp->is_handle_closed = true;
  release_tables(udp);
  if (!state->is_ending) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(state->env, &scope) == napi_ok) {
      if (udp->on_closed != NULL) call(state, udp->on_closed, 0, NULL);
      napi_close_handle_scope(state->env, scope);
    }
    napi_ref *references[] = {&udp->control_ref, &udp->slab_ref, &udp->on_batch, &udp->on_error, &udp->on_closed};
    for (size_t at = 0; at < sizeof references / sizeof references[0]; at++) forget_reference(state->env, references[at]);
  }
  free_when_unused(udp);
  handle_closed(state);
}

static void on_hook_handle_closed(uv_handle_t *handle) {
  handle_closed(handle->data);
}

/* Takes the socket out of everything at once; its memory follows when libuv and the collector have let go. */
static void start_closing(udp_t *udp) {
  udp->is_closing = true;
  if (udp->previous != NULL) udp->previous->next = udp->next;
  else udp->state->sockets = udp->next;
  if (udp->next != NULL) udp->next->previous = udp->previous;
  udp->previous = NULL; /* `next` stays: a walk over the list may stand here */
  uv_close((uv_handle_t *)&udp->poll, on_poll_closed);
  close(udp->fd);
}

static void send_rest(udp_t *udp) {
  uint64_t until = uv_hrtime() + (uint64_t)CLOSE_WAIT_MS * 1000000u;
  for (;;) {
    send_waiting(udp);
    uint64_t now = uv_hrtime();
    if (udp->first == NULL || now >= until) return;
    struct pollfd one = {.fd = udp->fd, .events = POLLOUT};
    poll(&one, 1, (int)((until - now) / 1000000u) + 1);
  }
}

static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  state_t *state = data;
  state->is_ending = true;
  napi_async_destroy(state->env, state->context);
  while (state->sockets != NULL) start_closing(state->sockets);
  uv_close((uv_handle_t *)&state->prepare, on_hook_handle_closed);
  uv_close((uv_handle_t *)&state->check, on_hook_handle_closed);
}

/* ---- the functions that JavaScript calls ---- */

#define CHECKED(step)                                              \
  do {                                                             \
    if ((step) != napi_ok) {                                       \
      napi_throw_type_error(env, NULL, "native udp: bad argument"); \
      return NULL;                                                 \
    }                                                              \
  } while (0)

static bool arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *values) {
  size_t count = wanted;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) == napi_ok && count >= wanted) return true;
  napi_throw_type_error(env, NULL, "native udp: too few arguments");
  return false;
}

/* What is too long or holds a NUL comes out as something that is no address. */
static napi_status get_text(napi_env env, napi_value value, char text[ADDRESS_TEXT]) {
  size_t length = 0;
  napi_status status = napi_get_value_string_latin1(env, value, text, ADDRESS_TEXT, &length);
  if (status == napi_ok && strlen(text) != length) text[0] = '\0';
  return status;
}

static napi_value integer(napi_env env, int32_t value) {
  napi_value made = NULL;
  napi_create_int32(env, value, &made);
  return made;
}

static void on_forgotten(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  udp_t *udp = data;
  udp->is_forgotten = true;
  free_when_unused(udp);
}

static napi_value abandon(udp_t *udp, napi_env env, int code) {
  napi_ref *references[] = {&udp->control_ref, &udp->slab_ref, &udp->on_batch, &udp->on_error};
  for (size_t at = 0; at < sizeof references / sizeof references[0]; at++) forget_reference(env, references[at]);
  if (udp->fd >= 0) close(udp->fd);
  release_tables(udp);
  free(udp);
  return integer(env, code);
}

/* bind(address, port, isIpv6, control, slab, onBatch, onError): the socket, or a negative error number */
static napi_value js_bind(napi_env env, napi_callback_info info) {
  napi_value values[7], result;
  if (!arguments(env, info, 7, values)) return NULL;
  state_t *state = NULL;
  CHECKED(napi_get_instance_data(env, (void **)&state));
  char text[ADDRESS_TEXT];
  uint32_t port = 0;
  bool is_ipv6 = false;
  void *control = NULL, *slab = NULL;
  size_t control_words = 0, slab_bytes = 0;
  napi_typedarray_type control_type, slab_type;
  napi_valuetype batch_type, error_type;
  CHECKED(get_text(env, values[0], text));
  CHECKED(napi_get_value_uint32(env, values[1], &port));
  CHECKED(napi_get_value_bool(env, values[2], &is_ipv6));
  CHECKED(napi_get_typedarray_info(env, values[3], &control_type, &control_words, &control, NULL, NULL));
  CHECKED(napi_get_typedarray_info(env, values[4], &slab_type, &slab_bytes, &slab, NULL, NULL));
  CHECKED(napi_typeof(env, values[5], &batch_type));
  CHECKED(napi_typeof(env, values[6], &error_type));
  bool is_sound = port <= 65535 && control_type == napi_int32_array && control_words >= CONTROL_WORDS && slab_type == napi_uint8_array && slab_bytes >= SLAB_BYTES;
  CHECKED(is_sound && batch_type == napi_function && error_type == napi_function && !state->is_ending ? napi_ok : napi_invalid_arg);

  int family = is_ipv6 ? AF_INET6 : AF_INET;
  address_t address;
  if (!make_address(family, text, (uint16_t)port, &address)) return integer(env, -EINVAL);
  udp_t *udp = calloc(1, sizeof *udp);
  if (udp == NULL) return integer(env, -ENOMEM);
  udp->fd = -1;
  udp->state = state;
  udp->family = family;
  udp->is_wildcard = is_ipv6 ? is_zero(address.v6.sin6_addr.s6_addr, 16) : address.v4.sin_addr.s_addr == 0;
  udp->control = control;
  udp->slab = slab;
  if (!make_tables(udp)) return abandon(udp, env, -ENOMEM);
  int fd = open_socket(family, &address, udp->is_wildcard);
  if (fd < 0) return abandon(udp, env, fd);
  udp->fd = fd;
  bool is_held = napi_create_reference(env, values[3], 1, &udp->control_ref) == napi_ok && napi_create_reference(env, values[4], 1, &udp->slab_ref) == napi_ok &&
                 napi_create_reference(env, values[5], 1, &udp->on_batch) == napi_ok && napi_create_reference(env, values[6], 1, &udp->on_error) == napi_ok;
  if (!is_held) return abandon(udp, env, -ENOMEM);
  uv_loop_t *loop = NULL;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return abandon(udp, env, -EINVAL);
  int polls = uv_poll_init_socket(loop, &udp->poll, fd);
  if (polls < 0) return abandon(udp, env, polls);
  state->handles++;
  udp->next = state->sockets;
  if (udp->next != NULL) udp->next->previous = udp;
  state->sockets = udp;
  if (napi_create_external(env, udp, on_forgotten, NULL, &result) != napi_ok) {
    udp->is_forgotten = true;
    start_closing(udp);
    return integer(env, -ENOMEM);
  }
  watch(udp);
  return result;
}

static udp_t *socket_of(napi_env env, napi_value value) {
  void *udp = NULL;
  napi_valuetype type;
  if (napi_typeof(env, value, &type) == napi_ok && type == napi_external && napi_get_value_external(env, value, &udp) == napi_ok) return udp;
  napi_throw_type_error(env, NULL, "native udp: not a socket");
  return NULL;
}

/* port(socket): the port it is bound to, 0 when it is closed */
static napi_value js_port(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!arguments(env, info, 1, &value)) return NULL;
  udp_t *udp = socket_of(env, value);
  if (udp == NULL) return NULL;
  address_t address;
  socklen_t size = sizeof address;
  if (udp->is_closing || getsockname(udp->fd, &address.any, &size) != 0) return integer(env, 0);
  return integer(env, ntohs(udp->family == AF_INET ? address.v4.sin_port : address.v6.sin6_port));
}

/* backlog(socket): thousandths of the system's receive buffer that are taken by datagrams which were not read yet */
static napi_value js_backlog(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!arguments(env, info, 1, &value)) return NULL;
  udp_t *udp = socket_of(env, value);
  if (udp == NULL) return NULL;
  uint32_t memory[SK_MEMINFO_VARS] = {0};
  socklen_t size = sizeof memory;
  if (udp->is_closing || getsockopt(udp->fd, SOL_SOCKET, SO_MEMINFO, memory, &size) != 0 || memory[SK_MEMINFO_RCVBUF] == 0) return integer(env, 0);
  uint64_t share = 1000ull * memory[SK_MEMINFO_RMEM_ALLOC] / memory[SK_MEMINFO_RCVBUF];
  return integer(env, share > 1000 ? 1000 : (int32_t)share);
}

/* source(socket, at, isLocal): within onBatch, the address that datagram `at` came from or, with isLocal, was sent to ("" when not known) */
static napi_value js_source(napi_env env, napi_callback_info info) {
  napi_value values[3], result = NULL;
  if (!arguments(env, info, 3, values)) return NULL;
  udp_t *udp = socket_of(env, values[0]);
  if (udp == NULL) return NULL;
  uint32_t at = 0;
  bool is_local = false;
  CHECKED(napi_get_value_uint32(env, values[1], &at));
  CHECKED(napi_get_value_bool(env, values[2], &is_local));
  CHECKED(at < RECEIVE_MAX ? napi_ok : napi_invalid_arg);
  const source_t *source = &udp->batch[at];
  const uint8_t *bytes = is_local ? source->local : source->remote;
  char text[ADDRESS_TEXT] = "", zone[IF_NAMESIZE];
  if (!is_local || !is_zero(bytes, 16)) {
    if (inet_ntop(udp->family, bytes, text, INET6_ADDRSTRLEN) == NULL) text[0] = '\0';
    if (!is_local && source->scope != 0 && if_indextoname(source->scope, zone) != NULL) {
      size_t length = strlen(text);
      snprintf(text + length, sizeof text - length, "%%%s", zone);
    }
  }
  napi_create_string_latin1(env, text, NAPI_AUTO_LENGTH, &result);
  return result;
}

/* aim(socket, place, address, port, localAddress): has the place hold that destination; false when it is no address of the socket's family */
static napi_value js_aim(napi_env env, napi_callback_info info) {
  napi_value values[5], result = NULL;
  if (!arguments(env, info, 5, values)) return NULL;
  udp_t *udp = socket_of(env, values[0]);
  if (udp == NULL) return NULL;
  uint32_t place = 0, port = 0, scope;
  char to[ADDRESS_TEXT], from[ADDRESS_TEXT];
  CHECKED(napi_get_value_uint32(env, values[1], &place));
  CHECKED(get_text(env, values[2], to));
  CHECKED(napi_get_value_uint32(env, values[3], &port));
  CHECKED(get_text(env, values[4], from));
  CHECKED(place < DESTINATIONS ? napi_ok : napi_invalid_arg);
  if (!udp->is_closing && is_pending(udp, (int32_t)place)) flush(udp); /* something waits that goes where the place points until now */
  destination_t made;
  uint8_t local[16];
  memset(&made, 0, sizeof made);
  bool is_good = !udp->is_closing && port <= 65535 && make_address(udp->family, to, (uint16_t)port, &made.to);
  if (is_good) {
    if (udp->is_wildcard && from[0] != '\0' && parse_address(udp->family, from, local, &scope)) set_local_address(udp->family, local, &made);
    udp->tables->destinations[place] = made;
  }
  napi_get_boolean(env, is_good, &result);
  return result;
}

/* flush(socket): sends what is in the slab */
static napi_value js_flush(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!arguments(env, info, 1, &value)) return NULL;
  udp_t *udp = socket_of(env, value);
  if (udp != NULL && !udp->is_closing) flush(udp);
  return NULL;
}

/* close(socket, onClosed): sends the rest, waiting a quarter of a second at most, and frees the port at once; onClosed is called in a later round */
static napi_value js_close(napi_env env, napi_callback_info info) {
  napi_value values[2];
  if (!arguments(env, info, 2, values)) return NULL;
  udp_t *udp = socket_of(env, values[0]);
  if (udp == NULL) return NULL;
  napi_valuetype type;
  CHECKED(napi_typeof(env, values[1], &type));
  CHECKED(type == napi_function && !udp->is_closing ? napi_create_reference(env, values[1], 1, &udp->on_closed) : napi_invalid_arg);
  flush(udp);
  send_rest(udp);
  start_closing(udp);
  return NULL;
}

static bool export_number(napi_env env, napi_value exports, const char *name, int32_t value) {
  napi_value made;
  return napi_create_int32(env, value, &made) == napi_ok && napi_set_named_property(env, exports, name, made) == napi_ok;
}

static bool export_function(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value made;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &made) == napi_ok && napi_set_named_property(env, exports, name, made) == napi_ok;
}

NAPI_MODULE_INIT() {
  static const struct { const char *name; napi_callback function; } functions[] = {
    {"bind", js_bind}, {"port", js_port}, {"backlog", js_backlog}, {"source", js_source}, {"aim", js_aim}, {"flush", js_flush}, {"close", js_close},
  };
  static const struct { const char *name; int32_t value; } numbers[] = {
    {"version", CONTRACT_VERSION}, {"receiveMax", RECEIVE_MAX}, {"sendMax", SEND_MAX}, {"slabBytes", SLAB_BYTES}, {"sources", SOURCES}, {"destinations", DESTINATIONS}, {"controlWords", CONTROL_WORDS}, {"atOut", AT_OUT}, {"atIn", AT_IN},
  };
  for (size_t at = 0; at < sizeof functions / sizeof functions[0]; at++) CHECKED(export_function(env, exports, functions[at].name, functions[at].function) ? napi_ok : napi_generic_failure);
  for (size_t at = 0; at < sizeof numbers / sizeof numbers[0]; at++) CHECKED(export_number(env, exports, numbers[at].name, numbers[at].value) ? napi_ok : napi_generic_failure);

  state_t *state = calloc(1, sizeof *state);
  uv_loop_t *loop = NULL;
  napi_value name, resource;
  CHECKED(state != NULL ? napi_ok : napi_generic_failure);
  state->env = env;
  bool is_ready = napi_get_uv_event_loop(env, &loop) == napi_ok && napi_create_string_latin1(env, "lamplight:udp", NAPI_AUTO_LENGTH, &name) == napi_ok && napi_create_object(env, &resource) == napi_ok &&
                  napi_async_init(env, resource, name, &state->context) == napi_ok && napi_set_instance_data(env, state, NULL, NULL) == napi_ok &&
                  napi_add_async_cleanup_hook(env, on_environment_end, state, &state->hook) == napi_ok;
  if (!is_ready) {
    free(state);
    CHECKED(napi_generic_failure);
  }
  /* Both run around each wait of the loop, and neither keeps it alive. Neither of these calls can fail. */
  uv_prepare_init(loop, &state->prepare);
  uv_check_init(loop, &state->check);
  state->prepare.data = state->check.data = state;
  state->handles = 2;
  uv_prepare_start(&state->prepare, on_prepare);
  uv_check_start(&state->check, on_check);
  uv_unref((uv_handle_t *)&state->prepare);
  uv_unref((uv_handle_t *)&state->check);
  return exports;
}
