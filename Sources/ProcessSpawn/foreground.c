#define _GNU_SOURCE
#include "process_spawn.h"
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/// What somebody may send us that is meant for the program.
static const int forwarded[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };
enum { FORWARDED = sizeof forwarded / sizeof forwarded[0] };
static const int ending[] = { SIGHUP, SIGINT, SIGTERM };

/// Which of them, and SIGPIPE, whoever started us had ignored (as nohup does), before anything here changed it.
static int was_ignored[FORWARDED];
static int pipe_was_ignored;

__attribute__((constructor)) static void remember_ignored(void) {
    struct sigaction now;
    for (int i = 0; i < FORWARDED; i++)
        was_ignored[i] = !sigaction(forwarded[i], NULL, &now) && now.sa_handler == SIG_IGN;
    pipe_was_ignored = !sigaction(SIGPIPE, NULL, &now) && now.sa_handler == SIG_IGN;
}

static _Atomic pid_t child;
static _Atomic int asked;

/// What a terminal sends, it sends to everybody in its foreground, the program too.
static int is_of_terminal(const siginfo_t *info) {
#if defined(__linux__)
    return info->si_code > 0;
#else
    return info->si_pid == 0;
#endif
}

static void forward(int number, siginfo_t *info, void *context) {
    (void)context;
    int saved = errno;
    pid_t to = atomic_load(&child);
    // What it sends itself to all of its group has reached it.
    if (!is_of_terminal(info) && info->si_pid != to) {
        for (unsigned i = 0; i < sizeof ending / sizeof ending[0]; i++)
            if (number == ending[i]) atomic_store(&asked, number);
        if (to > 0) kill(to, number);
    }
    errno = saved;
}

int hf_run_foreground(
    const char *path, char *const *arguments, char *const *environment, int *status, int *asked_to_end) {
    struct sigaction former[FORWARDED], mine;
    sigset_t blocked, mask, defaults, none;
    posix_spawnattr_t attributes;
    pid_t pid = 0;
    sigemptyset(&blocked);
    sigemptyset(&defaults);
    sigemptyset(&none);
    for (int i = 0; i < FORWARDED; i++) sigaddset(&blocked, forwarded[i]);
    // While this thread lets none through others may, so the program's number must be known to the handler as soon as it is
    // there: until then what comes is kept in `asked` and sent on below.
    pthread_sigmask(SIG_BLOCK, &blocked, &mask);
    atomic_store(&child, 0);
    atomic_store(&asked, 0);
    for (int i = 0; i < FORWARDED; i++) {
        memset(&mine, 0, sizeof mine);
        sigemptyset(&mine.sa_mask);
        mine.sa_flags = SA_RESTART | SA_SIGINFO;
        mine.sa_sigaction = forward;
        if (was_ignored[i]) {
            mine.sa_flags = 0;
            mine.sa_handler = SIG_IGN;
        }
        sigaction(forwarded[i], &mine, &former[i]);
    }
    if (!pipe_was_ignored) sigaddset(&defaults, SIGPIPE);
    int error = posix_spawnattr_init(&attributes);
    if (!error) {
        (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        error = posix_spawn(&pid, path, NULL, &attributes, arguments, environment);
        posix_spawnattr_destroy(&attributes);
    }
    if (!error) {
        atomic_store(&child, pid);
        int early = atomic_load(&asked);
        if (early) kill(pid, early);
        pthread_sigmask(SIG_SETMASK, &mask, NULL);
        // Not reaped before the handler has forgotten it: until then the number is certainly its own.
        siginfo_t end;
        while (waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT) < 0 && errno == EINTR) {}
        atomic_store(&child, 0);
        while (waitpid(pid, status, 0) < 0)
            if (errno != EINTR) {
                error = errno;
                break;
            }
    }
    for (int i = 0; i < FORWARDED; i++) sigaction(forwarded[i], &former[i], NULL);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    *asked_to_end = atomic_load(&asked);
    return error;
}
