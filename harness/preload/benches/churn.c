/* Allocates and frees a fixed number of times: COUNT per thread, THREADS threads. */
#include <pthread.h>
#include <stdlib.h>

static long count;

static void *churn(void *seed)
{
    unsigned state = (unsigned)(size_t)seed;
    void *kept[1024] = {0};
    for (long turn = 0; turn < count; turn++) {
        state = state * 1103515245 + 12345;
        unsigned place = turn % 1024;
        free(kept[place]);
        kept[place] = malloc(16 + (state >> 16) % 2000);
        *(volatile char *)kept[place] = 1;
    }
    return NULL;
}

int main(int arguments, char **argument)
{
    if (arguments < 3)
        return 2;
    pthread_t threads[64];
    int number = atoi(argument[1]);
    count = atol(argument[2]);
    for (int at = 0; at < number && at < 64; at++)
        pthread_create(&threads[at], NULL, churn, (void *)(size_t)(at + 1));
    for (int at = 0; at < number && at < 64; at++)
        pthread_join(threads[at], NULL);
    return 0;
}
