/* Preloaded into a test's process: a disk that stalls, is full, or whose every sync is recorded, for the files of one folder.
 *   SHIM_FOLDER   the folder
 *   SHIM_CONTROL  a file: while it holds "stall", writes and syncs wait; while it holds "full", nothing grows
 *   SHIM_DEEP     set: its subfolders too (not with SHIM_LOG)
 *   SHIM_LOG      where syncs are recorded: records of a type, a length (32 bits) and that many bytes:
 *     P name\0 page(32) bytes   a page that has changed since it was told last, in the kernel's hands now (also what was stored through a mapping)
 *     T name\0 size(32)         the same for a file's size
 *     B name\0                  a sync of that file begins     E name\0  it has returned: what was there when it began is on the disk
 *     R name\0 page(32)         that page is on the disk (a write through a descriptor that syncs by itself) */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, FILES_MAX = 32, NAME = 64 };
static struct { char name[NAME]; uint8_t *shadow; size_t size; } files[FILES_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static const char *control, *log_path;
static int log_file = -1;

#define REAL(name) static typeof(&name) real; if (real == NULL) real = (typeof(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char *const given = getenv("SHIM_FOLDER");
  if (given == NULL || realpath(given, folder) == NULL) snprintf(folder, sizeof folder, "%s", given == NULL ? "/nowhere" : given);
  control = getenv("SHIM_CONTROL");
  log_path = getenv("SHIM_LOG");
}

/* The name of a descriptor's file within the folder; false for any other. */
static bool name_of(int fd, char name[NAME]) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = 0;
  const size_t prefix = strlen(folder);
  if (strncmp(path, folder, prefix) != 0 || path[prefix] != '/' || strlen(path + prefix + 1) >= NAME) return false;
  if (strchr(path + prefix + 1, '/') != NULL && getenv("SHIM_DEEP") == NULL) return false;
  strcpy(name, path + prefix + 1);
  return strstr(name, "lock") == NULL;
}

static bool is_told(const char *what) {
  char text[16] = "";
  if (control == NULL) return false;
  const int fd = open(control, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  return length > 0 && strncmp(text, what, strlen(what)) == 0;
}

static void wait_for_disk(void) {
  const struct timespec moment = {0, 5000000};
  while (is_told("stall")) nanosleep(&moment, NULL);
}

static void put(char type, const char *name, const uint32_t *number, const void *bytes, size_t length) {
  REAL(write);
  if (log_file < 0) log_file = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  uint8_t record[5 + NAME + 4 + PAGE];
  size_t at = 5;
  memcpy(record + at, name, strlen(name) + 1);
  at += strlen(name) + 1;
  if (number != NULL) memcpy(record + at, number, 4), at += 4;
  if (bytes != NULL) memcpy(record + at, bytes, length), at += length;
  const uint32_t size = (uint32_t)(at - 5);
  record[0] = (uint8_t)type;
  memcpy(record + 1, &size, 4);
  if (real(log_file, record, at) < 0) abort();
}

/* Tells whatever has changed in the folder. */
static void tell_changes(void) {
  DIR *const dir = opendir(folder);
  if (dir == NULL) return;
  for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
    if (entry->d_type != DT_REG || strstr(entry->d_name, "lock") != NULL || strlen(entry->d_name) >= NAME) continue;
    int at = 0;
    while (at < FILES_MAX && files[at].name[0] != 0 && strcmp(files[at].name, entry->d_name) != 0) at++;
    if (at == FILES_MAX) abort();
    if (files[at].name[0] == 0) strcpy(files[at].name, entry->d_name);
    char path[PATH_MAX + NAME + 2];
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat found;
    if (fd < 0 || fstat(fd, &found) != 0) continue;
    const size_t size = (size_t)found.st_size;
    const size_t room = (size + PAGE - 1) / PAGE * PAGE;
    if (size != files[at].size) {
      const size_t before = (files[at].size + PAGE - 1) / PAGE * PAGE;
      files[at].shadow = realloc(files[at].shadow, room == 0 ? PAGE : room);
      if (room > before) memset(files[at].shadow + before, 0, room - before);
      files[at].size = size;
      const uint32_t number = (uint32_t)size;
      put('T', entry->d_name, &number, NULL, 0);
    }
    uint8_t page[PAGE];
    for (size_t offset = 0; offset < size; offset += PAGE) {
      memset(page, 0, PAGE);
      if (pread(fd, page, PAGE, (off_t)offset) < 0) abort();
      if (memcmp(page, files[at].shadow + offset, PAGE) == 0) continue;
      memcpy(files[at].shadow + offset, page, PAGE);
      const uint32_t number = (uint32_t)(offset / PAGE);
      put('P', entry->d_name, &number, page, PAGE);
    }
    close(fd);
  }
  closedir(dir);
}

static void before_sync(const char *name) {
  wait_for_disk();
  if (log_path == NULL) return;
  pthread_mutex_lock(&lock);
  tell_changes();
  put('B', name, NULL, NULL, 0);
  pthread_mutex_unlock(&lock);
}

static void after_sync(const char *name) {
  if (log_path == NULL) return;
  pthread_mutex_lock(&lock);
  put('E', name, NULL, NULL, 0);
  pthread_mutex_unlock(&lock);
}

/* A write: waits; false when the disk is full and the file would grow. */
static bool may_write(int fd, off_t end) {
  char name[NAME];
  struct stat found;
  if (!name_of(fd, name)) return true;
  wait_for_disk();
  if (!is_told("full") || fstat(fd, &found) != 0 || end <= found.st_size) return true;
  errno = ENOSPC;
  return false;
}

static void wrote(int fd, off_t offset, ssize_t length) {
  char name[NAME];
  const int saved = errno;
  if (log_path != NULL && length > 0 && (fcntl(fd, F_GETFL) & O_DSYNC) != 0 && name_of(fd, name)) {
    pthread_mutex_lock(&lock);
    tell_changes();
    for (off_t page = offset / PAGE; page <= (offset + length - 1) / PAGE; page++) {
      const uint32_t number = (uint32_t)page;
      put('R', name, &number, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
  }
  errno = saved;
}

static size_t total(const struct iovec *parts, int count) {
  size_t sum = 0;
  for (int at = 0; at < count; at++) sum += parts[at].iov_len;
  return sum;
}

ssize_t write(int fd, const void *bytes, size_t count) {
  REAL(write);
  const off_t at = lseek(fd, 0, SEEK_CUR);
  if (at >= 0 && !may_write(fd, at + (off_t)count)) return -1;
  const ssize_t done = real(fd, bytes, count);
  if (at >= 0) wrote(fd, at, done);
  return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  const off_t at = lseek(fd, 0, SEEK_CUR);
  if (at >= 0 && !may_write(fd, at + (off_t)total(parts, count))) return -1;
  const ssize_t done = real(fd, parts, count);
  if (at >= 0) wrote(fd, at, done);
  return done;
}

#define PWRITE(name) \
  ssize_t name(int fd, const void *bytes, size_t count, off_t offset) { \
    REAL(name); \
    if (!may_write(fd, offset + (off_t)count)) return -1; \
    const ssize_t done = real(fd, bytes, count, offset); \
    wrote(fd, offset, done); \
    return done; \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(name) \
  ssize_t name(int fd, const struct iovec *parts, int count, off_t offset) { \
    REAL(name); \
    if (!may_write(fd, offset + (off_t)total(parts, count))) return -1; \
    const ssize_t done = real(fd, parts, count, offset); \
    wrote(fd, offset, done); \
    return done; \
  }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define SYNC(name_) \
  int name_(int fd) { \
    char name[NAME]; \
    REAL(name_); \
    if (!name_of(fd, name)) return real(fd); \
    before_sync(name); \
    const int result = real(fd); \
    after_sync(name); \
    return result; \
  }
SYNC(fsync)
SYNC(fdatasync)

int msync(void *from, size_t length, int flags) {
  REAL(msync);
  wait_for_disk();
  return real(from, length, flags);
}

#define TRUNCATE(name) \
  int name(int fd, off_t length) { \
    REAL(name); \
    return may_write(fd, length) ? real(fd, length) : -1; \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)
