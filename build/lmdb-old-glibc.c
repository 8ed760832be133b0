/*
 * What lmdb's addon would take from a glibc newer than 2.28, in terms of what every glibc has.
 * The build compiles it into the addon with hidden visibility: nobody else sees these definitions.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Real symbols only since 2.33; before, headers turned them into __xstat calls. On 64-bit Linux the kernel's struct is libc's. */
int stat64(const char *path, struct stat64 *result) { return syscall(SYS_newfstatat, AT_FDCWD, path, result, 0); }
int fstat64(int fd, struct stat64 *result) { return syscall(SYS_fstat, fd, result); }

/* Since 2.32 libstdc++ asks it whether atomics may be skipped. Inside Node there is always more than one thread. */
char __libc_single_threaded = 0;
