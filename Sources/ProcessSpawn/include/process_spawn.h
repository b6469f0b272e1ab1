#pragma once
/// What must happen between fork and exec, and the few kernel calls that Swift cannot reach.
/// Every function that can fail returns 0 or an errno; nothing here allocates memory that the caller must free.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// The most descriptors one child can be given.
#define HF_MAX_DESCRIPTORS 64

typedef struct {
    const char *path;
    char *const *arguments;
    char *const *environment;
    /// NULL: stays where we are.
    const char *folder;
    /// The child's whole table: `descriptors[i]` becomes i in the child, everything else is closed there.
    const int *descriptors;
    int descriptor_count;
    int switches_user;
    uid_t user;
    gid_t group;
    const gid_t *groups;
    int group_count;
    /// Sent to the child when the thread that started it dies; 0: none.
    int orphan_signal;
    /// Added to our own; 0 leaves it alone.
    int niceness;
    /// Pairs of paths: what stands in, and the file it stands in for, seen by the child alone. Needs the right to mount.
    const char *const *overlays;
    /// Number of pairs.
    int overlay_count;
} hf_spawn_request;

typedef struct {
    pid_t pid;
    /// Becomes readable when the child has ended. Close-on-exec.
    int handle;
    /// Reads as its /proc/PID/io until it is reaped; -1 where there is none. Close-on-exec.
    int transfers;
    /// Where it failed, for `hf_stage_name`.
    int stage;
} hf_spawned;

typedef struct {
    int has_ended;
    int by_signal;
    /// Exit code or signal number.
    int status;
    int64_t user_microseconds;
    int64_t system_microseconds;
    int64_t peak_bytes;
} hf_ending;

/// Starts a child as leader of its own session, umask 077, all signals at their defaults, none blocked, no core files.
/// - Important: call it from a thread that lives as long as the child, or its orphan signal fires too early.
int hf_spawn(const hf_spawn_request *request, hf_spawned *spawned);
const char *hf_stage_name(int stage);

/// Looks whether the child has ended and leaves it a zombie, so that its account in /proc stays readable.
int hf_look(const hf_spawned *child, hf_ending *ending);
/// Collects a child that has ended.
int hf_reap(const hf_spawned *child, hf_ending *ending);
/// Signals the child itself, never another process that got its number.
int hf_signal(const hf_spawned *child, int signal);
/// Signals its whole group. Only while it has not been reaped: the number is not used again until then.
int hf_signal_group(const hf_spawned *child, int signal);

/// A sealed file of mode 0600 that exists in memory only, with the offset at its start.
/// - Parameter owner, group: given to the file when not -1.
int hf_memory_file(const void *bytes, size_t count, uid_t owner, gid_t group, int *descriptor);

/// A close-on-exec pipe; `size` above 0 asks for so large a buffer and takes the default when that is refused.
int hf_pipe(int size, int *read_end, int *write_end);
/// A close-on-exec copy.
int hf_duplicate(int descriptor, int *copy);
int hf_set_nonblocking(int descriptor);
/// Opens an existing regular file for reading; a symbolic link as its last part is refused.
int hf_open_input(const char *path, int *descriptor);
/// Bytes that lie unread in a pipe, asked at either end.
int hf_unread_bytes(int descriptor, int64_t *count);

/// Overwrites bytes that held a secret, even when nobody reads them again.
void hf_wipe(void *bytes, size_t count);

/// Gives the calling thread the niceness of the process. On Linux every thread has one of its own, new threads and children
/// take it over from the thread that makes them, and libdispatch as root gives its threads others than the process has.
void hf_take_priority_of_process(void);

/// Prepares this process as a parent: SIGPIPE ignored, SIGCHLD at its default (ignored, children would vanish unseen).
void hf_prepare_parent(void);
/// Starts a detached thread that gets no signals, so that they go to others.
int hf_start_thread(void *(*body)(void *), void *argument);

/// Gives our session a terminal, of which we are the other end. Only the leader of a session that has none can have one.
/// Both descriptors are close-on-exec; while `terminal` is open nothing that is said to `controller` is lost.
int hf_open_terminal(int *controller, int *terminal);

/// Runs a program in our own process group, with our terminal and our standard streams, and waits for its end. Signals that
/// others send us meanwhile are sent on to it; those of the terminal reach it anyway. It is given the handling of signals that
/// we were started with. One at a time.
/// - status: as waitpid(2) has it.
/// - asked_to_end: the signal by which somebody asked us to end meanwhile, not counting the terminal's; 0: none.
int hf_run_foreground(
    const char *path, char *const *arguments, char *const *environment, int *status, int *asked_to_end);
