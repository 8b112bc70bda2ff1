/* Births, deaths and ages of sampled blocks, per stack: where a heap grows. */
#ifndef LEAKLAB_STACKS_H
#define LEAKLAB_STACKS_H

#include "line.h"

typedef int leaklab_mallctl(const char *name, void *old, size_t *old_length, void *new,
                            size_t new_length);

/* Starts to count if this jemalloc samples (`prof:true`); called once, before any thread that
 * calls `leaklab_stacks_add`. Returns whether it does. */
bool leaklab_stacks_start(leaklab_mallctl *mallctl);

/* Adds `,"stacks":{…}` of one stack whose counts have changed since it was added last. Returns
 * false, with nothing added, if there is none. The calls of one round, from `first`, go through
 * every stack once. */
bool leaklab_stacks_add(struct line *line, bool first);

/* The same as text without the comma, for writers that build their lines otherwise; 0 if there
 * is no stack. */
size_t leaklab_stacks_text(char *text, size_t room, bool first);

/* Says that the line of the stack that was added last was not taken: it is added again. */
void leaklab_stacks_not_taken(void);

#endif
