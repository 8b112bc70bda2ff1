/* The sampler of a preloaded object: one thread in each process image, which writes the heap
 * as lines of the pipe protocol (PROTOCOL.md).
 *
 * It runs inside a program that knows nothing of it, so it keeps out of its way:
 * - nothing is allocated, printed or locked once it runs; signals stay with the program's own
 *   threads, errno of its main thread is put back;
 * - a program may close descriptors that it has not opened, and be given the same number for
 *   a file of its own. Before each line the descriptor is compared with the pipe that was
 *   opened, so that nothing is ever written into a file of the program;
 * - a line is at most PIPE_BUF bytes and written whole or not at all, so that the processes of
 *   a tree share one pipe. A full pipe drops the line and counts it; the program never waits;
 * - the child of a fork has no threads but the one that forked: it gets a sampler of its own,
 *   whose first line comes one interval later, so that children that only run another program
 *   stay silent. That other program starts anew, with `program` in its first line. */
#define _GNU_SOURCE
#include "inject.h"
#include "line.h"
#include "sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Where the sampler's descriptor goes: far above the numbers that programs are given and
 * count on, below the limit of a thousand descriptors that is usual. */
#define HIGH_DESCRIPTOR 900
/* Ticks after which a descriptor that the program closed is opened again: later than a
 * program that makes itself a daemon takes for its `close` and `open` of low numbers. */
#define TICKS_UNTIL_REOPEN 2
/* Stack of the sampler thread; its deepest frame is a line and a few system calls. */
#define STACK_BYTES (128 << 10)
/* Lines of stacks after each sample, at most: what the pipe holds besides the heaps. */
#define MOST_STACK_LINES 64
/* Time between two rounds through all stacks that have changed, at least. */
#define STACKS_INTERVAL_NS 1000000000LL
#define DEFAULT_INTERVAL_NS 1000000000LL
#define SHORTEST_INTERVAL_NS 1000000LL
#define LONGEST_INTERVAL_NS (24 * 3600 * 1000000000LL)

/* Set before the first thread starts, and not changed after. */
static char pipe_path[PATH_MAX];
static bool has_inode;
static ino_t pipe_inode;
static int64_t interval_ns = DEFAULT_INTERVAL_NS;
static const char *unreadable;

/* Owned by the sampler thread; the thread of a forked child finds them as they were. */
static int descriptor = -1;
static struct stat opened;
static unsigned ticks_without;
static uint64_t dropped_lines;
static bool told_program;
static int64_t last_cost_us = -1;
static int64_t stacks_due_ns;
static bool stacks_going_on;

static int64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* The name of the program; what JSON would want escaped becomes `_`. */
static void add_program(struct line *line)
{
    add_text(line, ",\"program\":\"");
    for (const char *at = program_invocation_short_name; *at != '\0'; at++) {
        bool plain = *at >= ' ' && *at <= '~' && *at != '"' && *at != '\\';
        add_bytes(line, plain ? at : "_", 1);
    }
    add_text(line, "\"");
}

static bool is_the_pipe(const struct stat *found)
{
    return S_ISFIFO(found->st_mode) && (!has_inode || found->st_ino == pipe_inode);
}

/* Opens the pipe by its path, or takes the descriptor that was inherited, to a number out of
 * the program's way. Leaves `descriptor` at -1 if there is no such pipe. */
static void open_pipe(int inherited)
{
    int found = -1;
    if (pipe_path[0] != '\0')
        found = open(pipe_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    bool ours = found >= 0;
    if (ours && (fstat(found, &opened) < 0 || !is_the_pipe(&opened))) {
        close(found);
        ours = false;
    }
    if (!ours) {
        /* Without an inode to compare with, whatever was given on purpose is taken. */
        bool given = inherited > STDERR_FILENO && fstat(inherited, &opened) == 0;
        if (!given || (has_inode && !is_the_pipe(&opened)))
            return;
        found = inherited;
    }
    struct rlimit limit;
    int lowest = HIGH_DESCRIPTOR;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= HIGH_DESCRIPTOR)
        lowest = (int)(limit.rlim_cur * 3 / 4);
    descriptor = fcntl(found, F_DUPFD_CLOEXEC, lowest);
    if (ours && descriptor >= 0)
        close(found);
    else if (ours)
        descriptor = found;
}

/* Whether the pipe can be written to. */
static bool has_pipe(void)
{
    struct stat now;
    if (descriptor >= 0 && fstat(descriptor, &now) == 0 && now.st_dev == opened.st_dev
        && now.st_ino == opened.st_ino)
        return true;
    /* Closed by the program, and the number perhaps used again: not ours to close. */
    descriptor = -1;
    if (++ticks_without < TICKS_UNTIL_REOPEN)
        return false;
    ticks_without = 0;
    open_pipe(-1);
    return descriptor >= 0;
}

/* Whether the line was taken. */
static bool write_line(struct line *line)
{
    /* The inherited descriptor may be a blocking one. Room for one page is room for a line. */
    struct pollfd room = {.fd = descriptor, .events = POLLOUT};
    bool may_write = line->fits && poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0;
    /* Looked at last, so that nothing comes between the look and the write. */
    if (!has_pipe())
        return false;
    bool taken
        = may_write && write(descriptor, line->bytes, line->length) == (ssize_t)line->length;
    if (taken)
        told_program = true;
    else
        dropped_lines++;
    return taken;
}

static void begin(struct line *line)
{
    line->length = 0;
    line->fits = true;
    add_text(line, "{\"pid\":");
    add_number(line, (uint64_t)getpid());
    add_text(line, ",\"monotonic_us\":");
    add_number(line, (uint64_t)(clock_ns(CLOCK_MONOTONIC) / 1000));
    if (!told_program)
        add_program(line);
}

static void sample(struct line *line)
{
    int64_t started_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    struct figure figures[MOST_FIGURES];
    size_t count = leaklab_heap.read(figures);
    if (count == 0)
        return;
    begin(line);
    for (size_t at = 0; at < count; at++) {
        add_text(line, at == 0 ? ",\"heap\":{\"" : ",\"");
        add_text(line, figures[at].name);
        add_text(line, "\":");
        add_number(line, figures[at].bytes);
    }
    add_text(line, "}");
    if (last_cost_us >= 0) {
        add_text(line, ",\"sample_cost_us\":");
        add_number(line, (uint64_t)last_cost_us);
    }
    if (dropped_lines > 0) {
        add_text(line, ",\"dropped_lines\":");
        add_number(line, dropped_lines);
    }
    add_text(line, "}\n");
    write_line(line);
    last_cost_us = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - started_ns) / 1000;
}

/* Writes the stacks that have changed, a part after each sample. */
static void write_stacks(struct line *line)
{
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    if (leaklab_heap.add_stack == NULL || (!stacks_going_on && now_ns < stacks_due_ns))
        return;
    for (unsigned written = 0; written < MOST_STACK_LINES; written++) {
        begin(line);
        bool first = !stacks_going_on;
        stacks_going_on = leaklab_heap.add_stack(line, first);
        if (!stacks_going_on) {
            stacks_due_ns = now_ns + STACKS_INTERVAL_NS;
            return;
        }
        add_text(line, "}\n");
        if (!write_line(line)) {
            leaklab_heap.stack_not_taken();
            return;
        }
    }
}

/* Says once that this process has a heap that cannot be read, and why. */
static void tell_unreadable(struct line *line)
{
    begin(line);
    add_text(line, ",\"heap_error\":\"");
    add_text(line, unreadable);
    add_text(line, "\"}\n");
    write_line(line);
}

static void *sample_for_ever(void *waits_first)
{
    prctl(PR_SET_NAME, "leaklab-probe");
    struct line line;
    leaklab_heap.adopt_thread();
    int64_t due_ns = clock_ns(CLOCK_MONOTONIC);
    if (waits_first != NULL)
        due_ns += interval_ns;
    for (;;) {
        struct timespec due = {.tv_sec = due_ns / 1000000000, .tv_nsec = due_ns % 1000000000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
            ;
        sample(&line);
        write_stacks(&line);
        due_ns += interval_ns;
        int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        /* Late: the ticks that passed are not made up for. */
        if (due_ns < now_ns)
            due_ns = now_ns;
    }
    return NULL;
}

/* Starts the thread with all signals blocked, so that the program's threads get them. A
 * program that cannot have another thread runs without samples. */
static void start_thread(bool waits_first)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_create(&thread, &attributes, sample_for_ever, waits_first ? &opened : NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

static void in_forked_child(void)
{
    int error = errno;
    last_cost_us = -1;
    dropped_lines = 0;
    stacks_going_on = false;
    start_thread(true);
    errno = error;
}

static void read_environment(int *inherited)
{
    const char *number = getenv("LEAKLAB_PIPE");
    *inherited = number != NULL ? atoi(number) : -1;
    const char *path = getenv("LEAKLAB_PIPE_PATH");
    if (path != NULL && strlen(path) < sizeof pipe_path)
        strcpy(pipe_path, path);
    const char *inode = getenv("LEAKLAB_PIPE_INODE");
    if (inode != NULL) {
        pipe_inode = (ino_t)strtoull(inode, NULL, 10);
        has_inode = pipe_inode != 0;
    }
    /* A path alone could be another file by now, or in this container: it needs its inode. */
    if (!has_inode)
        pipe_path[0] = '\0';
    const char *interval_ms = getenv("LEAKLAB_INTERVAL_MS");
    double asked_ns = interval_ms != NULL ? strtod(interval_ms, NULL) * 1e6 : 0;
    if (asked_ns > 0 && asked_ns < (double)LONGEST_INTERVAL_NS) {
        interval_ns = (int64_t)asked_ns;
        if (interval_ns < SHORTEST_INTERVAL_NS)
            interval_ns = SHORTEST_INTERVAL_NS;
    }
}

__attribute__((constructor)) static void start(void)
{
    int error = errno;
    int inherited;
    read_environment(&inherited);
    /* Loaded for its leaks alone, it leaves the measurement as it is without them. */
    if (getenv("LEAKLAB_INJECT_ONLY") == NULL)
        open_pipe(inherited);
    if (descriptor >= 0) {
        if (leaklab_heap.prepare(&unreadable)) {
            /* After `prepare`, which made the allocator register its own handlers: in a
             * child, they run in that order. */
            pthread_atfork(NULL, NULL, in_forked_child);
            start_thread(false);
        } else {
            struct line line;
            tell_unreadable(&line);
        }
    }
    leaklab_inject_start();
    errno = error;
}
