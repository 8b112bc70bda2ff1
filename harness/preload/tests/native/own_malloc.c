/* A program with an allocator of its own: every block is a new piece of a large one. */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static char memory[64 << 20];
static size_t used;

void *malloc(size_t bytes)
{
    size_t start = __atomic_fetch_add(&used, (bytes + 31) & ~(size_t)15, __ATOMIC_RELAXED);
    *(size_t *)(memory + start) = bytes;
    return memory + start + 16;
}

void free(void *block)
{
    (void)block;
}

void *calloc(size_t count, size_t bytes)
{
    return malloc(count * bytes);
}

void *realloc(void *block, size_t bytes)
{
    void *other = malloc(bytes);
    if (block != NULL)
        memcpy(other, block, bytes);
    return other;
}

int main(void)
{
    char byte;
    (void)!read(0, &byte, 1);
    return malloc(10) == NULL;
}
