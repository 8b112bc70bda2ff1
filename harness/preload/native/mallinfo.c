/* Reads the heap of glibc's malloc, which is left alone. */
#define _GNU_SOURCE
#include "sampler.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Since glibc 2.33; before that there is only `mallinfo`, whose figures wrap at 2 GiB. */
#pragma weak mallinfo2

/* Larger than what caches of freed blocks may serve without the figures moving. */
#define PROBE_BYTES 100000

static uint64_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static bool prepare(const char **reason)
{
    if (mallinfo2 == NULL) {
        *reason = "this glibc has no mallinfo2, which came with glibc 2.33";
        return false;
    }
    uint64_t before = in_use();
    void *volatile block = malloc(PROBE_BYTES);
    uint64_t with = in_use();
    free(block);
    if (block == NULL || with < before + PROBE_BYTES) {
        *reason = "the program does not use the malloc of glibc";
        return false;
    }
    return true;
}

/* The thread never allocates, so that it takes no arena and no cache. */
static void adopt_thread(void) {}

static size_t read_figures(struct figure figures[MOST_FIGURES])
{
    struct mallinfo2 info = mallinfo2();
    figures[0] = (struct figure){"allocated_bytes", info.uordblks + info.hblkhd};
    figures[1] = (struct figure){"mapped_bytes", info.arena + info.hblkhd};
    return 2;
}

const struct heap_reader leaklab_heap = {prepare, adopt_thread, read_figures, NULL, NULL};
