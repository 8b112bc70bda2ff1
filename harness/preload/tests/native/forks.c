/* Forks 200 times while two threads allocate and a third starts and joins others; each child
 * allocates and ends. Prints how many ended well. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *churn(void *seed)
{
    unsigned state = (unsigned)(size_t)seed;
    for (;;) {
        state = state * 1103515245 + 12345;
        free(malloc(state >> 20));
    }
    return NULL;
}

static void *nothing(void *unused)
{
    return unused;
}

static void *start_threads(void *unused)
{
    for (;;) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, nothing, unused) == 0)
            pthread_join(thread, NULL);
    }
    return NULL;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, churn, (void *)1);
    pthread_create(&thread, NULL, churn, (void *)2);
    pthread_create(&thread, NULL, start_threads, NULL);
    int good = 0;
    for (int turn = 0; turn < 200; turn++) {
        pid_t child = fork();
        if (child == 0) {
            for (int block = 0; block < 1000; block++)
                free(malloc(100 + block));
            _exit(0);
        }
        int status = -1;
        good += child > 0 && waitpid(child, &status, 0) == child && status == 0;
    }
    printf("%d\n", good);
    return 0;
}
