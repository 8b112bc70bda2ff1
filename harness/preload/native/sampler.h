/* What the sampler thread and the two readers of a heap know of each other. */
#ifndef LEAKLAB_SAMPLER_H
#define LEAKLAB_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line;

/* One figure of a heap line: its key in the protocol, and bytes. */
struct figure {
    const char *name;
    uint64_t bytes;
};

/* Most figures that a reader has. */
#define MOST_FIGURES 6

/* A reader of the process's heap. Nothing here may allocate, except `prepare`. */
struct heap_reader {
    /* Looks names up. Runs once in a process image, before any sample. False if this heap
     * cannot be read, with `*reason` set to words without quotes or control characters. */
    bool (*prepare)(const char **reason);
    /* Runs on the sampler thread before its first sample. */
    void (*adopt_thread)(void);
    /* Reads the figures and returns how many; 0 if they could not be read. */
    size_t (*read)(struct figure figures[MOST_FIGURES]);
    /* Adds the next stack whose counts have changed, see stacks.h; NULL if there never is one. */
    bool (*add_stack)(struct line *line, bool first);
    /* Says that this line was not taken. */
    void (*stack_not_taken)(void);
};

/* The reader that the object is linked with. */
extern const struct heap_reader leaklab_heap;

#endif
