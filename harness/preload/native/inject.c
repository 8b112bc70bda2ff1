/* Known leaks in an unmodified program, to see whether its soak would have called them:
 *
 *   LEAKLAB_INJECT=SHAPE:BYTES:SECONDS    bytes a second (of CPU time for `work`); for `late`
 *                                         the time after which each block is given back
 *   LEAKLAB_INJECT_PARENT=PID             only the process that this one has started leaks
 *
 *   blocks     small blocks that nothing points to but each other
 *   container  one array that doubles when it is full
 *   work       blocks in proportion to the CPU time that the program uses, as a leak per request
 *   late       blocks that are given back: it rises, and then it is level
 *
 * All is written, since pages that nobody touches never become resident. It comes from the
 * program's own malloc, on a thread of its own, which dies with the process image and is not
 * copied by fork: a tree has one. */
#define _GNU_SOURCE
#include "inject.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Bytes of a block: what a small object with its strings is. */
#define BLOCK_BYTES 512
/* Time between two looks at what is due. */
#define TICK_NS 20000000L
#define STACK_BYTES (128 << 10)

struct block {
    struct block *next;
    int64_t born_ns;
    char payload[BLOCK_BYTES - 16];
};

static enum { BLOCKS, CONTAINER, WORK, LATE } shape;
static double bytes_per_s;
static int64_t hold_ns;

/* Oldest and newest of the blocks; they are reachable from here, as those of a forgotten list
 * or map are from it. */
static struct block *oldest, *newest;
static double leaked_bytes;
static char *array;
static size_t array_bytes, array_used;

static int64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void leak_blocks(double target_bytes, int64_t now_ns)
{
    while (leaked_bytes + BLOCK_BYTES <= target_bytes) {
        struct block *block = malloc(sizeof *block);
        if (block == NULL)
            return;
        memset(block, 0x5a, sizeof *block);
        block->next = NULL;
        block->born_ns = now_ns;
        if (newest != NULL)
            newest->next = block;
        else
            oldest = block;
        newest = block;
        leaked_bytes += BLOCK_BYTES;
    }
}

static void give_back(int64_t now_ns)
{
    while (oldest != NULL && now_ns - oldest->born_ns >= hold_ns) {
        struct block *block = oldest;
        oldest = block->next;
        if (oldest == NULL)
            newest = NULL;
        free(block);
    }
}

static void fill_array(double target_bytes)
{
    while (target_bytes > (double)array_used) {
        size_t wanted = (size_t)target_bytes - array_used;
        if (array_used == array_bytes) {
            size_t larger = array_bytes == 0 ? 4096 : 2 * array_bytes;
            char *moved = realloc(array, larger);
            if (moved == NULL)
                return;
            array = moved;
            array_bytes = larger;
        }
        size_t room = array_bytes - array_used;
        size_t taken = wanted < room ? wanted : room;
        if (taken == 0)
            return;
        memset(array + array_used, 0x5a, taken);
        array_used += taken;
    }
}

static void *leak_for_ever(void *nothing)
{
    (void)nothing;
    prctl(PR_SET_NAME, "leaklab-inject");
    int64_t started_ns = clock_ns(CLOCK_MONOTONIC);
    struct timespec tick = {.tv_nsec = TICK_NS};
    for (;;) {
        nanosleep(&tick, NULL);
        int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        /* What the leak itself costs is no work of the program. */
        int64_t worked_ns
            = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - clock_ns(CLOCK_THREAD_CPUTIME_ID);
        int64_t elapsed_ns = shape == WORK ? worked_ns : now_ns - started_ns;
        double target_bytes = bytes_per_s * (double)elapsed_ns / 1e9;
        if (shape == CONTAINER)
            fill_array(target_bytes);
        else
            leak_blocks(target_bytes, now_ns);
        if (shape == LATE)
            give_back(now_ns);
    }
    return NULL;
}

static bool read_environment(void)
{
    const char *asked = getenv("LEAKLAB_INJECT");
    const char *parent = getenv("LEAKLAB_INJECT_PARENT");
    char name[16];
    double hold_s = 0;
    if (asked == NULL || parent == NULL || atol(parent) != (long)getppid())
        return false;
    if (sscanf(asked, "%15[a-z]:%lf:%lf", name, &bytes_per_s, &hold_s) < 2 || bytes_per_s <= 0)
        return false;
    hold_ns = (int64_t)(hold_s * 1e9);
    static const char *const NAMES[] = {"blocks", "container", "work", "late"};
    for (unsigned at = 0; at < sizeof NAMES / sizeof *NAMES; at++) {
        if (strcmp(name, NAMES[at]) == 0) {
            shape = at;
            return true;
        }
    }
    return false;
}

void leaklab_inject_start(void)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    if (!read_environment() || pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_create(&thread, &attributes, leak_for_ever, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}
