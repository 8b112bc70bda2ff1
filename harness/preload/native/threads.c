/* Threads whose samples of stacks are independent of each other.
 *
 * jemalloc draws the bytes up to the next sample from a generator that each thread has for itself,
 * and that begins with the address of the thread's own variables. Threads that live one after
 * another have the same address there, as the stack of one is given to the next, and so have
 * children of a fork: each of them takes its samples at the same places, or none. A leak of short
 * threads was seen by no sample, or by four to seventeen times too many.
 *
 * So a thread gets a generator's state of its own when it begins, and waits anew. jemalloc has no
 * control for that; these are functions and variables of the archive that is linked in, and where
 * the state lies among the variables of a thread is found by what a draw changes. */
#define _GNU_SOURCE
#include "threads.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Words at the beginning of a thread's variables that the state is looked for in; there are more. */
#define LOOKED_AT 64

extern __thread char _rjem_je_tsd_tls[] __attribute__((visibility("hidden")));
/* Bytes up to the next sample. */
extern uint64_t _rjem_je_prof_sample_new_event_wait(void *thread);
/* Begins all waits of a thread anew; jemalloc calls it for threads whose variables come back. */
extern void _rjem_je_tsd_te_init(void *thread);

typedef int create_thread(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

struct begun {
    void *(*start)(void *);
    void *argument;
};

/* Which word of a thread's variables the state is; none until it was found. */
static int state_at = -1;
static uint64_t threads;

/* SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014). */
static uint64_t mixed(uint64_t number)
{
    number += 0x9e3779b97f4a7c15u;
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9u;
    number = (number ^ (number >> 27)) * 0x94d049bb133111ebu;
    return number ^ (number >> 31);
}

static uint64_t *words(void)
{
    return (uint64_t *)(void *)_rjem_je_tsd_tls;
}

static void draw_anew(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t thread = __atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED);
    /* The thread's variables are ready after its first block. */
    void *volatile first = malloc(1);
    free(first);
    words()[state_at] = mixed(mixed((uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32) + thread);
    _rjem_je_tsd_te_init(_rjem_je_tsd_tls);
}

static void in_forked_child(void)
{
    int error = errno;
    draw_anew();
    errno = error;
}

void leaklab_threads_start(void)
{
    uint64_t before[LOOKED_AT];
    memcpy(before, words(), sizeof before);
    (void)_rjem_je_prof_sample_new_event_wait(_rjem_je_tsd_tls);
    int changed = 0, last = -1;
    for (int at = 0; at < LOOKED_AT; at++) {
        if (words()[at] != before[at]) {
            changed++;
            last = at;
        }
    }
    if (changed != 1)
        return;
    state_at = last;
    pthread_atfork(NULL, NULL, in_forked_child);
}

static void *begin(void *given)
{
    struct begun begun = *(struct begun *)given;
    free(given);
    draw_anew();
    return begun.start(begun.argument);
}

/* The program's calls come here, and go on to the C library. */
__attribute__((visibility("default"))) int pthread_create(pthread_t *thread,
                                                          const pthread_attr_t *attributes,
                                                          void *(*start)(void *), void *argument)
{
    static create_thread *create;
    create_thread *found = __atomic_load_n(&create, __ATOMIC_RELAXED);
    if (found == NULL) {
        found = (create_thread *)dlsym(RTLD_NEXT, "pthread_create");
        if (found == NULL)
            return EAGAIN;
        __atomic_store_n(&create, found, __ATOMIC_RELAXED);
    }
    struct begun *begun = state_at >= 0 ? malloc(sizeof *begun) : NULL;
    if (begun == NULL)
        return found(thread, attributes, start, argument);
    *begun = (struct begun){start, argument};
    int error = found(thread, attributes, begin, begun);
    if (error != 0)
        free(begun);
    return error;
}
