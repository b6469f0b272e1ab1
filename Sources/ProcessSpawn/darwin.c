#if defined(__APPLE__)
// Enough to develop on a Mac: posix_spawn instead of clone3, a kqueue instead of a pidfd. It cannot switch the user, lower
// its priority, or have a child signalled when we are killed, and refuses the first two; production is Linux.
#include "process_spawn.h"
#include "stages.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/// A descriptor that becomes readable when the child ends.
static int watch(pid_t pid, int *handle) {
    int queue = kqueue();
    if (queue < 0) return errno;
    fcntl(queue, F_SETFD, FD_CLOEXEC);
    struct kevent change;
    EV_SET(&change, pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
    // ESRCH: it has ended already, and an end that nobody watches would never be seen.
    if (kevent(queue, &change, 1, NULL, 0, NULL) && errno == ESRCH) {
        EV_SET(&change, 0, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, NULL);
        kevent(queue, &change, 1, NULL, 0, NULL);
    }
    *handle = queue;
    return 0;
}

int hf_spawn(const hf_spawn_request *request, hf_spawned *spawned) {
    spawned->stage = HF_STAGE_REQUEST;
    spawned->transfers = -1;
    if (request->switches_user || request->niceness || request->overlay_count) return ENOTSUP;
    if (request->descriptor_count < 3 || request->descriptor_count > HF_MAX_DESCRIPTORS) return EINVAL;

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(
        &attributes,
        POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_CLOEXEC_DEFAULT);
    int copies[HF_MAX_DESCRIPTORS], count = 0, error = 0;
    for (; count < request->descriptor_count && !error; count++) {
        copies[count] = fcntl(request->descriptors[count], F_DUPFD_CLOEXEC, request->descriptor_count);
        error = copies[count] < 0 ? errno : posix_spawn_file_actions_adddup2(&actions, copies[count], count);
    }
    if (!error && request->folder) error = posix_spawn_file_actions_addchdir_np(&actions, request->folder);
    if (!error) {
        spawned->stage = HF_STAGE_EXEC;
        const mode_t before = umask(077);
        error = posix_spawn(
            &spawned->pid, request->path, &actions, &attributes, request->arguments, request->environment);
        umask(before);
    }
    while (count-- > 0)
        if (copies[count] >= 0) close(copies[count]);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error || !(error = watch(spawned->pid, &spawned->handle))) return error;
    kill(spawned->pid, SIGKILL);
    while (waitpid(spawned->pid, NULL, 0) < 0 && errno == EINTR) {}
    return error;
}

int hf_look(const hf_spawned *child, hf_ending *ending) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    memset(ending, 0, sizeof *ending);
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT)) return errno;
    if (info.si_pid == 0) return 0;
    ending->has_ended = 1;
    ending->by_signal = info.si_code != CLD_EXITED;
    ending->status = info.si_status;
    return 0;
}

int hf_reap(const hf_spawned *child, hf_ending *ending) {
    struct rusage usage;
    int status = 0;
    pid_t pid;
    memset(ending, 0, sizeof *ending);
    do pid = wait4(child->pid, &status, 0, &usage);
    while (pid < 0 && errno == EINTR);
    if (pid < 0) return errno;
    ending->has_ended = 1;
    ending->by_signal = WIFSIGNALED(status);
    ending->status = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    ending->user_microseconds = (int64_t)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
    ending->system_microseconds = (int64_t)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec;
    ending->peak_bytes = usage.ru_maxrss;
    return 0;
}

int hf_signal(const hf_spawned *child, int signal) { return kill(child->pid, signal) ? errno : 0; }
int hf_signal_group(const hf_spawned *child, int signal) { return kill(-child->pid, signal) ? errno : 0; }

int hf_memory_file(const void *bytes, size_t count, uid_t owner, gid_t group, int *descriptor) {
    // There is none: bytes for a pipe's buffer would deadlock when they are many, and a secret must not touch a disk.
    (void)bytes, (void)count, (void)owner, (void)group, (void)descriptor;
    return ENOTSUP;
}
#endif
