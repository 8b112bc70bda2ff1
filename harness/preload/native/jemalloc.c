/* Reads the heap of the jemalloc that is linked into this object and, by preloading, serves
 * the program. */
#define _GNU_SOURCE
#include "sampler.h"
#include "stacks.h"
#include "threads.h"

#include <stdlib.h>
#include <string.h>

/* The one of this object, whatever the program brings: it is linked with -Bsymbolic. */
int mallctl(const char *name, void *old, size_t *old_length, void *new, size_t new_length);
int mallctlnametomib(const char *name, size_t *mib, size_t *mib_length);
int mallctlbymib(const size_t *mib, size_t mib_length, void *old, size_t *old_length, void *new,
                 size_t new_length);

#define MIB_LENGTH 2

static const struct {
    const char *control;
    const char *name;
} FIGURES[MOST_FIGURES] = {
    {"stats.allocated", "allocated_bytes"}, {"stats.active", "active_bytes"},
    {"stats.metadata", "metadata_bytes"},   {"stats.resident", "resident_bytes"},
    {"stats.mapped", "mapped_bytes"},       {"stats.retained", "retained_bytes"},
};

static size_t mibs[MOST_FIGURES][MIB_LENGTH];

static uint64_t allocated_by_thread(void)
{
    uint64_t bytes = 0;
    size_t length = sizeof bytes;
    mallctl("thread.allocated", &bytes, &length, NULL, 0);
    return bytes;
}

/* Whether the program's malloc is this object's: libc calls the one that the program calls. */
static bool serves_the_program(void)
{
    uint64_t before = allocated_by_thread();
    char *volatile copy = strdup("a word");
    bool serves = copy != NULL && allocated_by_thread() > before;
    /* `free` is this object's here; a block of another allocator is left alone. */
    if (serves)
        free(copy);
    return serves;
}

static bool prepare(const char **reason)
{
    if (!serves_the_program()) {
        *reason = "the program brings an allocator of its own, which takes the place of the preloaded one";
        return false;
    }
    for (size_t at = 0; at < MOST_FIGURES; at++) {
        size_t length = MIB_LENGTH;
        if (mallctlnametomib(FIGURES[at].control, mibs[at], &length) != 0) {
            *reason = "the preloaded jemalloc was built without statistics";
            return false;
        }
    }
    if (leaklab_stacks_start(mallctl))
        leaklab_threads_start();
    return true;
}

static void adopt_thread(void)
{
    /* A cache of its own would be some 40 KiB of the program's heap. */
    bool off = false;
    mallctl("thread.tcache.enabled", NULL, NULL, &off, sizeof off);
}

static size_t read_figures(struct figure figures[MOST_FIGURES])
{
    uint64_t epoch = 1;
    if (mallctl("epoch", NULL, NULL, &epoch, sizeof epoch) != 0)
        return 0;
    for (size_t at = 0; at < MOST_FIGURES; at++) {
        size_t bytes, length = sizeof bytes;
        if (mallctlbymib(mibs[at], MIB_LENGTH, &bytes, &length, NULL, 0) != 0)
            return 0;
        figures[at].name = FIGURES[at].name;
        figures[at].bytes = bytes;
    }
    return MOST_FIGURES;
}

const struct heap_reader leaklab_heap
    = {prepare, adopt_thread, read_figures, leaklab_stacks_add, leaklab_stacks_not_taken};
