/*
 * Preloaded into a process that writes to a store: counts, logs and fails the calls that write to its files.
 *
 *   FUSTOR_FAULTS_FILE   the files are those named `tree.mdb` whose path begins so
 *   FUSTOR_FAULTS_LOG    where each call is told before it is made, with what it writes
 *   FUSTOR_FAULTS_KILL   "before", "torn" or "after", and the number of the call at which the process dies: "torn 17"
 *
 * A record of the log: type, whether the call returns only when it is durable, two bytes of nothing, length (u32), offset
 * (u64), and the data of a write. The process itself makes calls fail with `faults_fail` and sets marks with `faults_mark`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum type { WRITE = 1, FLUSH, TRUNCATE, MAPPED_FLUSH, MARK };

static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static const char *watched;
static int log_fd = -1;
static char kill_when[8];
static long kill_at, calls;
/* The calls from this one on, counted since `faults_fail`, fail with this error, so many of them. */
static long fail_at, fail_left, since, failed;
static int fail_error, fail_short;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_ftruncate)(int, off_t);
static int (*real_msync)(void *, size_t, int);

__attribute__((constructor)) static void begin(void) {
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_msync = dlsym(RTLD_NEXT, "msync");
  watched = getenv("FUSTOR_FAULTS_FILE");
  const char *path = getenv("FUSTOR_FAULTS_LOG");
  if (path) log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const char *plan = getenv("FUSTOR_FAULTS_KILL");
  if (plan) sscanf(plan, "%7s %ld", kill_when, &kill_at);
  unsetenv("LD_PRELOAD"); /* not for its children */
}

static int is_watched(int fd) {
  char link[32], path[4096];
  if (!watched) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, watched, strlen(watched)) == 0 && length > 9 && strcmp(path + length - 9, "/tree.mdb") == 0;
}

static void tell(enum type type, int is_durable, uint64_t offset, const struct iovec *data, int count, size_t length) {
  if (log_fd < 0) return;
  unsigned char header[16] = {type, is_durable};
  uint32_t short_length = length;
  memcpy(header + 4, &short_length, 4);
  memcpy(header + 8, &offset, 8);
  real_write(log_fd, header, sizeof header);
  for (int i = 0; i < count; i++) real_write(log_fd, data[i].iov_base, data[i].iov_len);
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int dies(const char *when) { return kill_at == calls && strcmp(kill_when, when) == 0; }

/* 1 when this call is to fail. */
static int fails(void) {
  if (fail_error == 0 || ++since < fail_at || fail_left == 0) return 0;
  fail_left--;
  failed++;
  return 1;
}

static int is_durable(int fd) { return (fcntl(fd, F_GETFL) & O_DSYNC) != 0; }

/* Writes the first half of what a write has. Returns how much. */
static ssize_t write_half(int fd, const struct iovec *data, size_t length, off_t offset) {
  size_t half = length / 2, written = 0;
  for (int i = 0; written < half; i++) {
    size_t piece = data[i].iov_len < half - written ? data[i].iov_len : half - written;
    real_pwrite(fd, data[i].iov_base, piece, offset + written);
    written += piece;
  }
  return written;
}

static ssize_t write_watched(int fd, const struct iovec *data, int count, off_t offset, int moves) {
  size_t length = 0;
  for (int i = 0; i < count; i++) length += data[i].iov_len;
  pthread_mutex_lock(&mutex);
  calls++;
  ssize_t result;
  if (dies("before")) die();
  if (dies("torn")) write_half(fd, data, length, offset), die();
  if (fails()) {
    result = fail_short ? write_half(fd, data, length, offset) : -1;
    errno = fail_error;
  } else {
    tell(WRITE, is_durable(fd), offset, data, count, length);
    if (moves) result = real_writev(fd, data, count);
    else result = real_pwrite(fd, data[0].iov_base, data[0].iov_len, offset);
  }
  int error = errno;
  if (dies("after")) die();
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  if (!is_watched(fd)) return real_write(fd, bytes, length);
  struct iovec data = {(void *)bytes, length};
  return write_watched(fd, &data, 1, lseek(fd, 0, SEEK_CUR), 1);
}

ssize_t writev(int fd, const struct iovec *data, int count) {
  if (!is_watched(fd)) return real_writev(fd, data, count);
  return write_watched(fd, data, count, lseek(fd, 0, SEEK_CUR), 1);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  if (!is_watched(fd)) return real_pwrite(fd, bytes, length, offset);
  struct iovec data = {(void *)bytes, length};
  return write_watched(fd, &data, 1, offset, 0);
}

/* The calls without data. Of a mapping it is not known which file it is of. */
#define CALL(TYPE, OFFSET, EXPRESSION)                 \
  do {                                                 \
    pthread_mutex_lock(&mutex);                        \
    calls++;                                           \
    int result = -1;                                   \
    if (dies("before") || dies("torn")) die();         \
    if (fails()) errno = fail_error;                   \
    else {                                             \
      tell(TYPE, TYPE == FLUSH, OFFSET, NULL, 0, 0);   \
      result = EXPRESSION;                             \
    }                                                  \
    int error = errno;                                 \
    if (dies("after")) die();                          \
    pthread_mutex_unlock(&mutex);                      \
    errno = error;                                     \
    return result;                                     \
  } while (0)

int fsync(int fd) {
  if (!is_watched(fd)) return real_fsync(fd);
  CALL(FLUSH, 0, real_fsync(fd));
}

int fdatasync(int fd) {
  if (!is_watched(fd)) return real_fdatasync(fd);
  CALL(FLUSH, 0, real_fdatasync(fd));
}

int ftruncate64(int fd, off_t length) {
  if (!is_watched(fd)) return real_ftruncate(fd, length);
  CALL(TRUNCATE, length, real_ftruncate(fd, length));
}

int msync(void *address, size_t length, int flags) {
  CALL(MAPPED_FLUSH, 0, real_msync(address, length, flags));
}

/* The call `at` from now (1: the next) fails, and those behind it, `count` of them; a short write writes half first. */
void faults_fail(int error, int is_short, int64_t at, int64_t count) {
  pthread_mutex_lock(&mutex);
  fail_error = error, fail_short = is_short, fail_at = at, fail_left = count, since = failed = 0;
  pthread_mutex_unlock(&mutex);
}

/* How many have failed since. */
int64_t faults_failed(void) { return failed; }

int64_t faults_calls(void) { return calls; }

void faults_mark(int64_t number) { tell(MARK, 0, number, NULL, 0, 0); }
