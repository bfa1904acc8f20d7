/* The program behind ./pyston3: starts the Python that stands beside it, with the same arguments.
 *
 * Why not a link to that Python: it finds its virtual environment, and with it Pyston and all installed packages,
 * beside the path it was started by, and does not look behind links. This program does look behind them. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
    (void)argc;
    static const char name[] = "python3.14";
    char path[PATH_MAX + sizeof(name)];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
    if (length < 0) {
        perror("pyston3: /proc/self/exe");
        return 127;
    }
    path[length] = '\0';
    memcpy(strrchr(path, '/') + 1, name, sizeof(name));
    argv[0] = path;
    execv(path, argv);
    fprintf(stderr, "pyston3: %s: %s\n", path, strerror(errno));
    return 127;
}
