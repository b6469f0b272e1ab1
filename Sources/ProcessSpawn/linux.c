#if defined(__linux__)
#define _GNU_SOURCE
#include "process_spawn.h"
#include "stages.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Older C libraries lack these names; the numbers are the kernel's and the same on every architecture we run on.
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define KERNEL_CLONE_PIDFD 0x1000
#define KERNEL_P_PIDFD 3
#define KERNEL_CLOSE_RANGE_CLOEXEC 4
#define KERNEL_MFD_NOEXEC_SEAL 8

typedef struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
} clone_request;

typedef struct {
    int stage, error;
} start_failure;

/// Marks all from `first` up as close-on-exec.
static int close_on_exec_from(unsigned first) {
    if (syscall(SYS_close_range, first, ~0U, KERNEL_CLOSE_RANGE_CLOEXEC) == 0) return 0;
    if (errno != ENOSYS && errno != EINVAL && errno != EPERM) return errno;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return errno;
    rlim_t last = limit.rlim_cur > (1 << 20) ? (1 << 20) : limit.rlim_cur;
    for (rlim_t number = first; number < last; number++) (void)fcntl((int)number, F_SETFD, FD_CLOEXEC);
    return 0;
}

static int reset_signals(void) {
    // By bare system call: the C library keeps two signals to itself and would leave them ignored. All zero is the
    // default action in the kernel's structure on every architecture; none is larger.
    const uint64_t by_default[8] = { 0 };
    for (int number = 1; number <= 64; number++)
        (void)syscall(SYS_rt_sigaction, number, by_default, NULL, sizeof(uint64_t));
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) ? errno : 0;
}

static int install_descriptors(const hf_spawn_request *request) {
    // First out of the way of all targets, so that no dup2 overwrites a source.
    int copies[HF_MAX_DESCRIPTORS];
    for (int i = 0; i < request->descriptor_count; i++) {
        copies[i] = fcntl(request->descriptors[i], F_DUPFD_CLOEXEC, request->descriptor_count);
        if (copies[i] < 0) return errno;
    }
    for (int i = 0; i < request->descriptor_count; i++)
        if (dup2(copies[i], i) < 0) return errno;
    return 0;
}

/// A mount namespace of the child's own, in which files stand in for others. Nothing of it reaches other processes, and
/// it goes with the child and its children.
static int lay_over(const hf_spawn_request *request) {
    if (unshare(CLONE_NEWNS)) return errno;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) return errno;
    for (int i = 0; i < request->overlay_count; i++)
        if (mount(request->overlays[2 * i], request->overlays[2 * i + 1], NULL, MS_BIND, NULL)) return errno;
    return 0;
}

/// By bare system calls: the C library's own functions would look for threads that a cloned child does not have.
static int switch_user(const hf_spawn_request *request) {
    if (syscall(SYS_setgroups, (size_t)request->group_count, request->groups)) return errno;
    if (syscall(SYS_setresgid, request->group, request->group, request->group)) return errno;
    if (syscall(SYS_setresuid, request->user, request->user, request->user)) return errno;
    return 0;
}

static int announce_orphan_signal(const hf_spawn_request *request, pid_t parent) {
    // After the change of user, which clears it. A parent that died before this call is seen by its number.
    if (prctl(PR_SET_PDEATHSIG, request->orphan_signal)) return errno;
    return getppid() == parent ? 0 : ESRCH;
}

/// Runs in the child, where only async-signal-safe calls are allowed. Comes back only to report a failure.
static start_failure become(const hf_spawn_request *request, pid_t parent) {
    int error;
    (void)reset_signals();
    umask(077);
    const struct rlimit none = { 0, 0 };
    (void)setrlimit(RLIMIT_CORE, &none);
    if (setsid() < 0) return (start_failure){ HF_STAGE_SESSION, errno };
    if ((error = install_descriptors(request))) return (start_failure){ HF_STAGE_DESCRIPTORS, error };
    if ((error = close_on_exec_from((unsigned)request->descriptor_count)))
        return (start_failure){ HF_STAGE_CLOSING, error };
    if (request->niceness) {
        errno = 0;
        if (nice(request->niceness) == -1 && errno) return (start_failure){ HF_STAGE_NICENESS, errno };
    }
    if (request->overlay_count && (error = lay_over(request))) return (start_failure){ HF_STAGE_OVERLAY, error };
    if (request->switches_user && (error = switch_user(request))) return (start_failure){ HF_STAGE_USER, error };
    if (request->orphan_signal && (error = announce_orphan_signal(request, parent)))
        return (start_failure){ HF_STAGE_ORPHAN, error };
    if (request->folder && chdir(request->folder)) return (start_failure){ HF_STAGE_FOLDER, errno };
    execve(request->path, request->arguments, request->environment);
    return (start_failure){ HF_STAGE_EXEC, errno };
}

/// A child with a handle on it, as by fork: 0 in the child.
static pid_t fork_with_handle(int *handle) {
    clone_request request;
    memset(&request, 0, sizeof request);
    request.flags = KERNEL_CLONE_PIDFD;
    request.pidfd = (uint64_t)(uintptr_t)handle;
    request.exit_signal = SIGCHLD;
    pid_t pid = (pid_t)syscall(SYS_clone3, &request, sizeof request);
    if (pid >= 0 || (errno != ENOSYS && errno != EPERM)) return pid;
    // A sandbox that knows no clone3 (old container runtimes) lets fork through.
    pid = fork();
    if (pid <= 0) return pid;
    // Not reaped yet, so the number is certainly its own.
    *handle = (int)syscall(SYS_pidfd_open, pid, 0);
    if (*handle >= 0) return pid;
    int error = errno;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    errno = error;
    return -1;
}

/// Opens the child's account while it is certainly alive: a zombie's belongs to root, and is ours only if opened before.
static int open_transfers(pid_t pid, int *descriptor) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/io", (int)pid);
    *descriptor = open(path, O_RDONLY | O_CLOEXEC);
    return *descriptor < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM) ? errno : 0;
}

static int spawn(const hf_spawn_request *request, hf_spawned *spawned) {
    spawned->stage = HF_STAGE_REQUEST;
    spawned->transfers = -1;
    if (request->descriptor_count < 3 || request->descriptor_count > HF_MAX_DESCRIPTORS) return EINVAL;
    int report[2];
    spawned->stage = HF_STAGE_PIPE;
    if (pipe2(report, O_CLOEXEC)) return errno;
    // The child waits for its end of file before it becomes anything.
    int gate[2];
    if (pipe2(gate, O_CLOEXEC)) {
        int error = errno;
        close(report[0]);
        close(report[1]);
        return error;
    }

    // No handler of ours may run in the child before its dispositions are reset.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t parent = getpid();
    int handle = -1;
    const pid_t pid = fork_with_handle(&handle);
    if (pid == 0) {
        start_failure failure = { HF_STAGE_DESCRIPTORS, 0 };
        char nothing;
        close(gate[1]);
        while (read(gate[0], &nothing, 1) < 0 && errno == EINTR) {}
        // Above all targets, or the table would overwrite it.
        int out = fcntl(report[1], F_DUPFD_CLOEXEC, request->descriptor_count);
        if (out < 0) {
            failure.error = errno;
            out = report[1];
        } else {
            failure = become(request, parent);
        }
        (void)!write(out, &failure, sizeof failure);
        _exit(127);
    }
    const int fork_error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    close(gate[0]);
    if (pid < 0) {
        close(gate[1]);
        close(report[0]);
        spawned->stage = HF_STAGE_FORK;
        return fork_error;
    }

    const int account_error = open_transfers(pid, &spawned->transfers);
    if (account_error) kill(pid, SIGKILL);
    close(gate[1]);

    start_failure failure;
    ssize_t count;
    do count = read(report[0], &failure, sizeof failure);
    while (count < 0 && errno == EINTR);
    close(report[0]);
    spawned->pid = pid;
    spawned->handle = handle;
    // End of file means that exec closed the pipe, or that the child was killed before: then it is found dead.
    if (count != (ssize_t)sizeof failure && !account_error) return 0;
    hf_ending ending;
    (void)hf_reap(spawned, &ending);
    close(handle);
    if (spawned->transfers >= 0) close(spawned->transfers);
    spawned->handle = spawned->transfers = -1;
    spawned->stage = account_error ? HF_STAGE_FORK : failure.stage;
    return account_error ? account_error : failure.error;
}

int hf_spawn(const hf_spawn_request *request, hf_spawned *spawned) {
    // One at a time: until it is its program, a child holds copies of all our descriptors, and two that wait at their gates
    // would hold each other's open.
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&turn);
    const int error = spawn(request, spawned);
    pthread_mutex_unlock(&turn);
    return error;
}

static int wait_for(const hf_spawned *child, int options, hf_ending *ending) {
    siginfo_t info;
    struct rusage usage;
    memset(&info, 0, sizeof info);
    memset(&usage, 0, sizeof usage);
    memset(ending, 0, sizeof *ending);
    long result;
    // The C library's waitid hides the kernel's fifth argument.
    do result = syscall(SYS_waitid, KERNEL_P_PIDFD, child->handle, &info, options | WEXITED, &usage);
    while (result < 0 && errno == EINTR);
    if (result < 0) return errno;
    if (info.si_pid == 0) return 0;
    ending->has_ended = 1;
    ending->by_signal = info.si_code != CLD_EXITED;
    ending->status = info.si_status;
    ending->user_microseconds = (int64_t)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
    ending->system_microseconds = (int64_t)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec;
    ending->peak_bytes = (int64_t)usage.ru_maxrss * 1024;
    return 0;
}

int hf_look(const hf_spawned *child, hf_ending *ending) { return wait_for(child, WNOWAIT | WNOHANG, ending); }
int hf_reap(const hf_spawned *child, hf_ending *ending) { return wait_for(child, 0, ending); }

int hf_signal(const hf_spawned *child, int signal) {
    return syscall(SYS_pidfd_send_signal, child->handle, signal, NULL, 0) ? errno : 0;
}

int hf_signal_group(const hf_spawned *child, int signal) { return kill(-child->pid, signal) ? errno : 0; }

int hf_memory_file(const void *bytes, size_t count, uid_t owner, gid_t group, int *descriptor) {
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int number = memfd_create("input", flags | KERNEL_MFD_NOEXEC_SEAL);
    if (number < 0 && errno == EINVAL) number = memfd_create("input", flags);
    if (number < 0) return errno;
    int error = 0;
    size_t done = 0;
    while (done < count && !error) {
        ssize_t written = write(number, (const char *)bytes + done, count - done);
        if (written > 0) done += (size_t)written;
        else if (written == 0) error = ENOSPC;
        else if (errno != EINTR) error = errno;
    }
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (!error
        && (fchmod(number, 0600) || (owner != (uid_t)-1 && fchown(number, owner, group))
            || lseek(number, 0, SEEK_SET) < 0 || fcntl(number, F_ADD_SEALS, seals)))
        error = errno;
    if (error) close(number);
    else *descriptor = number;
    return error;
}
#endif
