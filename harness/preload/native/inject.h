/* Leaks on purpose, inside a program that has none: see inject.c. */
#ifndef LEAKLAB_INJECT_H
#define LEAKLAB_INJECT_H

/* Starts the thread that leaks, if the environment asks for it. */
void leaklab_inject_start(void);

#endif
