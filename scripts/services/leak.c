/* Plants a leak in nginx: each response, which nginx sends by one writev, keeps 1000 bytes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

static void *volatile last;

ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
    static ssize_t (*next)(int, const struct iovec *, int);
    if (!next)
        next = (ssize_t (*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
    void *kept = malloc(1000);
    if (kept)
        memset(kept, 1, 1000);
    last = kept;
    return next(descriptor, parts, count);
}
