#define _GNU_SOURCE
#include "process_spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int hf_open_terminal(int *controller, int *terminal) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0) return errno;
    int slave = -1;
    const char *name;
    if (fcntl(master, F_SETFD, FD_CLOEXEC) == 0 && grantpt(master) == 0 && unlockpt(master) == 0 &&
        (name = ptsname(master)) != NULL && (slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0 &&
        ioctl(slave, TIOCSCTTY, 0) == 0) {
        *controller = master;
        *terminal = slave;
        return 0;
    }
    int error = errno;
    if (slave >= 0) close(slave);
    close(master);
    return error;
}
