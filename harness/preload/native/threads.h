/* Threads whose samples of stacks are independent of each other. */
#ifndef LEAKLAB_THREADS_H
#define LEAKLAB_THREADS_H

/* Lets every thread that begins from now on draw its samples by itself; called once, if stacks are
 * sampled. */
void leaklab_threads_start(void);

#endif
