/* Births, deaths and ages of sampled blocks, per stack.
 *
 * jemalloc samples about one block in 2^lg_prof_sample bytes and calls a hook when such a block
 * is born and when it dies. Of each stack is kept, over some 16 to 32 equal spans of time, how
 * many samples were born in each, and how many of those still live. A leak is what is born all
 * the time and lives on; churn lives for one span, a table that was filled once has no more
 * births, and of a bounded cache the old ones die.
 *
 * The hooks run inside the allocator, on any thread. Nothing here allocates; all tables are
 * fixed, and what does not fit is counted (`lost`) or goes to the stack without frames. One lock
 * guards all of it. It is held for some hundred instructions, taken by samples alone (one in
 * half a megabyte), and across a fork, so that the child finds it free. */
#define _GNU_SOURCE
#include "stacks.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Stacks that are told apart. */
#define MOST_STACKS 4096
/* Frames of a stack, from the block outwards: enough to come from the allocator through
 * containers and executors to the code of the program. */
#define MOST_FRAMES 48
/* Sampled blocks that live at the same time: at 2^19 bytes a sample, a heap of 32 GiB. */
#define MOST_LIVE 65536
/* How far from its place a block or a stack may lie in its table. */
#define LONGEST_SEARCH 128
/* Spans of time; when they are used up, two become one. */
#define SPANS 32
#define FIRST_SPAN_US 125000
/* The smallest page that Linux has. */
#define PAGE_BYTES 4096
/* Samples of a second at the most, where the distance between them may be chosen: each costs some
 * 25,000 instructions, nearly all for the way back through its stack, so that they are about a
 * hundredth of a core. */
#define MOST_PER_S 1000
/* Doublings after one second: a burst at the start must not make the rest of the run coarse. */
#define MOST_DOUBLINGS 2
/* Time after which the rate is looked at again. */
#define RATE_TIME_US 1000000
/* The largest distance that is chosen, as binary logarithm. */
#define MOST_LG_SAMPLE 24
/* Doublings of the distance when the table of blocks is half full. */
#define DOUBLINGS_WHEN_FULL 2
/* The variable that lets the distance be chosen; without it, it stays that of jemalloc. */
#define ADAPT_VARIABLE "LEAKLAB_STACKS"

struct stack {
    uint64_t hash;
    uint32_t depth;
    bool used;
    bool changed;
    uintptr_t frames[MOST_FRAMES];
    uint32_t born[SPANS];
    uint32_t live[SPANS];
    uint64_t born_bytes;
    uint64_t live_bytes;
};

struct block {
    uintptr_t address;
    uint64_t born_us;
    uint32_t bytes;
    uint32_t stack;
};

/* The first one stands for all stacks that found no place. */
static struct stack stacks[MOST_STACKS];
static struct block blocks[MOST_LIVE];
static uint64_t start_us, span_us = FIRST_SPAN_US, lost;
/* The distance of jemalloc's samples, and of those that are counted: the same or larger. */
static uint64_t taken_bytes, sample_bytes;
static uint64_t alive, rate_births, rate_start_us, random_state;
static leaklab_mallctl *control;
static bool counts, adapts;
static pid_t counted_process;
static unsigned next_stack, added_stack;
static bool lock;

static void acquire(void)
{
    for (unsigned turn = 0; __atomic_test_and_set(&lock, __ATOMIC_ACQUIRE); turn++)
        if (turn % 64 == 63)
            sched_yield();
}

static void release(void)
{
    __atomic_clear(&lock, __ATOMIC_RELEASE);
}

static uint64_t now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void join_spans(uint32_t counts_of[SPANS])
{
    for (unsigned at = 0; at < SPANS / 2; at++)
        counts_of[at] = counts_of[2 * at] + counts_of[2 * at + 1];
    memset(counts_of + SPANS / 2, 0, SPANS / 2 * sizeof *counts_of);
}

/* The span that a time lies in; makes spans longer until it lies in one. */
static unsigned span_of(uint64_t at_us)
{
    while ((at_us - start_us) / span_us >= SPANS) {
        for (unsigned at = 0; at < MOST_STACKS; at++) {
            if (stacks[at].used) {
                join_spans(stacks[at].born);
                join_spans(stacks[at].live);
                stacks[at].changed = true;
            }
        }
        span_us *= 2;
    }
    return (unsigned)((at_us - start_us) / span_us);
}

static uint32_t find_stack(void **frames, unsigned depth)
{
    if (depth > MOST_FRAMES)
        depth = MOST_FRAMES;
    /* FNV-1a over the addresses. */
    uint64_t hash = 14695981039346656037u;
    for (unsigned at = 0; at < depth; at++)
        hash = (hash ^ (uintptr_t)frames[at]) * 1099511628211u;
    for (unsigned step = 0; step < LONGEST_SEARCH; step++) {
        uint32_t place = 1 + (uint32_t)((hash >> 20) + step) % (MOST_STACKS - 1);
        struct stack *stack = &stacks[place];
        if (!stack->used) {
            stack->used = true;
            stack->hash = hash;
            stack->depth = depth;
            for (unsigned at = 0; at < depth; at++)
                stack->frames[at] = (uintptr_t)frames[at];
            return place;
        }
        if (stack->hash == hash && stack->depth == depth)
            return place;
    }
    stacks[0].used = true;
    return 0;
}

/* Part of the samples of blocks of that size that remain when they are taken more rarely: jemalloc
 * takes a block with probability 1 - exp(-size / distance). */
static double remaining(double bytes, uint64_t before, uint64_t after)
{
    return expm1(-bytes / (double)after) / expm1(-bytes / (double)before);
}

/* Whether something of that probability happens. xorshift64*: S. Vigna, ACM TOMS 42 (2016) 30. */
static bool happens(double probability)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (double)(random_state * 2685821657736338717u >> 11) * 0x1p-53 < probability;
}

/* Doubles the distance so many times: leaves of all samples those that it would have taken. What
 * remains of Poisson's draws are Poisson's draws. */
static void thin(unsigned doublings)
{
    uint64_t before = sample_bytes, now = now_us();
    sample_bytes <<= doublings;
    (void)span_of(now);
    for (unsigned place = 0; place < MOST_STACKS; place++) {
        struct stack *stack = &stacks[place];
        uint64_t born = 0, dead_left = 0;
        for (unsigned at = 0; stack->used && at < SPANS; at++)
            born += stack->born[at];
        if (born == 0)
            continue;
        double mean_bytes = (double)stack->born_bytes / (double)born;
        double probability = remaining(mean_bytes, before, sample_bytes);
        for (unsigned at = 0; at < SPANS; at++) {
            uint32_t dead = stack->born[at] - stack->live[at];
            stack->born[at] = stack->live[at] = 0;
            for (; dead > 0; dead--)
                stack->born[at] += happens(probability);
            dead_left += stack->born[at];
        }
        stack->born_bytes = (uint64_t)(mean_bytes * (double)dead_left);
        stack->live_bytes = 0;
        stack->changed = true;
    }
    for (unsigned at = 0; at < MOST_LIVE; at++) {
        struct block *block = &blocks[at];
        if (block->address <= 1)
            continue;
        if (!happens(remaining(block->bytes, before, sample_bytes))) {
            block->address = 1;
            alive--;
            continue;
        }
        struct stack *stack = &stacks[block->stack];
        unsigned span = span_of(block->born_us);
        stack->born[span]++;
        stack->live[span]++;
        stack->born_bytes += block->bytes;
        stack->live_bytes += block->bytes;
    }
    rate_births = 0;
    rate_start_us = now;
}

/* Takes samples more rarely if there are too many of them in a second. */
static void adapt(void)
{
    uint64_t now = now_us(), since_us = now - rate_start_us;
    if (!adapts || since_us < RATE_TIME_US)
        return;
    uint64_t per_s = rate_births * 1000000 / since_us;
    unsigned doublings = 0;
    while (doublings < MOST_DOUBLINGS && per_s >> doublings > MOST_PER_S
           && sample_bytes << doublings < (uint64_t)1 << MOST_LG_SAMPLE)
        doublings++;
    if (doublings > 0)
        thin(doublings);
    rate_births = 0;
    rate_start_us = now;
}

/* Tells jemalloc the distance; until then, what it takes too often is left out. */
static void take_more_rarely(void)
{
    size_t lg_sample = 0;
    while ((uint64_t)1 << lg_sample < sample_bytes)
        lg_sample++;
    if (control("prof.reset", NULL, NULL, &lg_sample, sizeof lg_sample) != 0)
        return;
    acquire();
    taken_bytes = (uint64_t)1 << lg_sample;
    release();
}

static uint32_t place_of(uintptr_t address, unsigned step)
{
    return (uint32_t)(((uint64_t)(address >> 4) * 11400714819323198485u >> 40) + step) % MOST_LIVE;
}

/* `address` 0 is a place that was never used and ends a search, 1 one that is free again. */
static struct block *find_block(uintptr_t address, bool for_birth)
{
    for (unsigned step = 0; step < LONGEST_SEARCH; step++) {
        struct block *block = &blocks[place_of(address, step)];
        if (for_birth ? block->address <= 1 : block->address == address)
            return block;
        if (!for_birth && block->address == 0)
            return NULL;
    }
    return NULL;
}

static void on_birth(const void *address, size_t size, void **frames, unsigned depth, size_t usable)
{
    (void)size;
    acquire();
    bool is_taken = taken_bytes == sample_bytes
        || happens(remaining((double)usable, taken_bytes, sample_bytes));
    if (counts && is_taken) {
        struct block *block = find_block((uintptr_t)address, true);
        if (block == NULL) {
            lost++;
        } else {
            uint64_t at_us = now_us();
            unsigned span = span_of(at_us);
            uint32_t place = find_stack(frames, depth);
            struct stack *stack = &stacks[place];
            uint32_t bytes = usable < UINT32_MAX ? (uint32_t)usable : UINT32_MAX;
            *block = (struct block){(uintptr_t)address, at_us, bytes, place};
            stack->born[span]++;
            stack->live[span]++;
            stack->born_bytes += bytes;
            stack->live_bytes += bytes;
            stack->changed = true;
            alive++;
            rate_births++;
            if (adapts && alive > MOST_LIVE / 2)
                thin(DOUBLINGS_WHEN_FULL);
        }
    }
    release();
}

static void on_death(const void *address, size_t usable)
{
    (void)usable;
    acquire();
    struct block *block = counts ? find_block((uintptr_t)address, false) : NULL;
    if (block != NULL) {
        struct stack *stack = &stacks[block->stack];
        stack->live[span_of(block->born_us)]--;
        stack->live_bytes -= block->bytes;
        stack->changed = true;
        block->address = 1;
        alive--;
    }
    release();
}

/* Empties a table. One that was never used has zeros only; a write to each of its pages keeps it
 * from looking like growth when samples come. */
static void clear(void *table, size_t length)
{
    if (start_us != 0) {
        memset(table, 0, length);
        return;
    }
    volatile char *bytes = table;
    for (size_t at = 0; at < length; at += PAGE_BYTES)
        bytes[at] = 0;
}

/* Begins anew, in a process that was forked: what it frees of its parent's is not counted. */
static void begin(void)
{
    acquire();
    clear(stacks, sizeof stacks);
    clear(blocks, sizeof blocks);
    start_us = now_us();
    span_us = FIRST_SPAN_US;
    lost = alive = rate_births = 0;
    rate_start_us = start_us;
    random_state = start_us | 1;
    sample_bytes = taken_bytes;
    counted_process = getpid();
    counts = true;
    release();
}

static void in_child(void)
{
    /* Until its own sampler asks for the first time: children that only run another program
     * need not clear any table. */
    counts = false;
    release();
}

bool leaklab_stacks_start(leaklab_mallctl *mallctl)
{
    bool samples = false;
    size_t length = sizeof samples, lg_sample = 0, lg_length = sizeof lg_sample;
    if (mallctl("opt.prof", &samples, &length, NULL, 0) != 0 || !samples
        || mallctl("prof.lg_sample", &lg_sample, &lg_length, NULL, 0) != 0)
        return false;
    taken_bytes = (uint64_t)1 << lg_sample;
    control = mallctl;
    const char *wish = getenv(ADAPT_VARIABLE);
    adapts = wish != NULL && strcmp(wish, "adapt") == 0;
    begin();
    void *birth = (void *)on_birth, *death = (void *)on_death;
    if (mallctl("experimental.hooks.prof_sample", NULL, NULL, &birth, sizeof birth) != 0
        || mallctl("experimental.hooks.prof_sample_free", NULL, NULL, &death, sizeof death) != 0)
        return false;
    pthread_atfork(acquire, release, in_child);
    return true;
}

static void add_counts(struct line *line, const char *key, const uint32_t counts_of[SPANS],
                       unsigned spans)
{
    add_key(line, key);
    for (unsigned at = 0; at < spans; at++) {
        add_text(line, at == 0 ? "[" : ",");
        add_number(line, counts_of[at]);
    }
    add_text(line, "]");
}

static void add_stack(struct line *line, unsigned place)
{
    const struct stack *stack = &stacks[place];
    unsigned spans = span_of(now_us()) + 1;
    add_text(line, ",\"stacks\":{\"id\":");
    add_number(line, place);
    add_pair(line, "sample_bytes", sample_bytes);
    add_pair(line, "start_us", start_us);
    add_pair(line, "span_us", span_us);
    add_pair(line, "lost", lost);
    add_pair(line, "born_bytes", stack->born_bytes);
    add_pair(line, "live_bytes", stack->live_bytes);
    add_counts(line, "born", stack->born, spans);
    add_counts(line, "live", stack->live, spans);
    add_key(line, "frames");
    add_text(line, "[");
    for (unsigned at = 0; at < stack->depth; at++) {
        add_text(line, at == 0 ? "\"" : ",\"");
        add_in_base(line, stack->frames[at], 16);
        add_text(line, "\"");
    }
    add_text(line, "]}");
}

bool leaklab_stacks_add(struct line *line, bool first)
{
    if (counted_process == 0)
        return false;
    if (counted_process != getpid())
        begin();
    bool found = false;
    acquire();
    if (first) {
        adapt();
        next_stack = 0;
    }
    bool is_behind = taken_bytes != sample_bytes;
    for (; next_stack < MOST_STACKS && !found; next_stack++) {
        found = stacks[next_stack].used && stacks[next_stack].changed;
        if (found) {
            add_stack(line, next_stack);
            stacks[next_stack].changed = false;
            added_stack = next_stack;
        }
    }
    release();
    if (is_behind)
        take_more_rarely();
    return found;
}

size_t leaklab_stacks_text(char *text, size_t room, bool first)
{
    struct line line = {.length = 0, .fits = true};
    if (!leaklab_stacks_add(&line, first) || !line.fits || line.length - 1 > room)
        return 0;
    memcpy(text, line.bytes + 1, line.length - 1);
    return line.length - 1;
}

void leaklab_stacks_not_taken(void)
{
    acquire();
    stacks[added_stack].changed = true;
    release();
}
