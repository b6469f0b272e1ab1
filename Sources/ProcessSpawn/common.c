#define _GNU_SOURCE
#include "process_spawn.h"
#include "stages.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

const char *hf_stage_name(int stage) {
    switch (stage) {
    case HF_STAGE_PIPE: return "error pipe";
    case HF_STAGE_FORK: return "fork";
    case HF_STAGE_SESSION: return "new session";
    case HF_STAGE_DESCRIPTORS: return "descriptors";
    case HF_STAGE_CLOSING: return "closing descriptors";
    case HF_STAGE_NICENESS: return "niceness";
    case HF_STAGE_OVERLAY: return "overlay";
    case HF_STAGE_USER: return "switching user";
    case HF_STAGE_ORPHAN: return "orphan signal";
    case HF_STAGE_FOLDER: return "working directory";
    case HF_STAGE_EXEC: return "exec";
    default: return "request";
    }
}

int hf_pipe(int size, int *read_end, int *write_end) {
    int ends[2];
#if defined(__linux__)
    if (pipe2(ends, O_CLOEXEC)) return errno;
    // Above the user's allowance this is refused and the default stays.
    if (size > 0) (void)fcntl(ends[1], F_SETPIPE_SZ, size);
#else
    (void)size;
    if (pipe(ends)) return errno;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
#endif
    *read_end = ends[0];
    *write_end = ends[1];
    return 0;
}

int hf_duplicate(int descriptor, int *copy) {
    int number = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    if (number < 0) return errno;
    *copy = number;
    return 0;
}

int hf_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ? errno : 0;
}

int hf_open_input(const char *path, int *descriptor) {
    // O_NONBLOCK: a FIFO put there must not hold us up before we have seen that it is one.
    int number = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (number < 0) return errno;
    struct stat facts;
    int error = 0;
    if (fstat(number, &facts)) error = errno;
    else if (S_ISDIR(facts.st_mode)) error = EISDIR;
    else if (!S_ISREG(facts.st_mode)) error = ENOTSUP;
    else if (fcntl(number, F_SETFL, 0) < 0) error = errno;
    if (error) {
        close(number);
        return error;
    }
    *descriptor = number;
    return 0;
}

int hf_unread_bytes(int descriptor, int64_t *count) {
    int waiting = 0;
    if (ioctl(descriptor, FIONREAD, &waiting)) return errno;
    *count = waiting;
    return 0;
}

void hf_wipe(void *bytes, size_t count) {
    volatile unsigned char *place = bytes;
    while (count--) *place++ = 0;
}

void hf_prepare_parent(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    struct sigaction present;
    if (sigaction(SIGCHLD, NULL, &present) == 0
        && (present.sa_handler == SIG_IGN || (present.sa_flags & SA_NOCLDWAIT))) {
        action.sa_handler = SIG_DFL;
        sigaction(SIGCHLD, &action, NULL);
    }
}

void hf_take_priority_of_process(void) {
#ifdef __linux__
    errno = 0;
    int niceness = getpriority(PRIO_PROCESS, (id_t)getpid());
    if (niceness != -1 || errno == 0) setpriority(PRIO_PROCESS, 0, niceness);
#endif
}

int hf_start_thread(void *(*body)(void *), void *argument) {
    // The new thread inherits our mask.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int error = pthread_create(&thread, NULL, body, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error) pthread_detach(thread);
    return error;
}
