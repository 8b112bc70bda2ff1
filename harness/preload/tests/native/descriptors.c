/* Waits for a byte on stdin. Closes every descriptor that it did not open, as a daemon does, and fills all numbers but a
 * few with a file of its own. Waits again and says how long the file is. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    char byte;
    (void)!read(0, &byte, 1);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    int highest = limit.rlim_cur > 4096 ? 4096 : (int)limit.rlim_cur;
    for (int number = 3; number < highest; number++)
        close(number);
    int file = count > 1 ? open(arguments[1], O_RDWR | O_CREAT, 0600) : -1;
    for (int number = 4; number < highest - 16; number++)
        dup2(file, number);
    (void)!read(0, &byte, 1);
    printf("%ld\n", (long)lseek(file, 0, SEEK_END));
    return 0;
}
