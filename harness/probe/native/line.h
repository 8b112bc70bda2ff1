/* A line of the pipe protocol, built without allocating. */
#ifndef LEAKLAB_LINE_H
#define LEAKLAB_LINE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What does not fit is left out whole, with the line. */
struct line {
    char bytes[PIPE_BUF];
    size_t length;
    bool fits;
};

static inline void add_bytes(struct line *line, const char *bytes, size_t length)
{
    if (length > sizeof line->bytes - line->length) {
        line->fits = false;
        return;
    }
    memcpy(line->bytes + line->length, bytes, length);
    line->length += length;
}

static inline void add_text(struct line *line, const char *text)
{
    add_bytes(line, text, strlen(text));
}

static inline void add_in_base(struct line *line, uint64_t value, unsigned base)
{
    char digits[20];
    size_t start = sizeof digits;
    do {
        digits[--start] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    add_bytes(line, digits + start, sizeof digits - start);
}

static inline void add_number(struct line *line, uint64_t value)
{
    add_in_base(line, value, 10);
}

static inline void add_key(struct line *line, const char *key)
{
    add_text(line, ",\"");
    add_text(line, key);
    add_text(line, "\":");
}

static inline void add_pair(struct line *line, const char *key, uint64_t value)
{
    add_key(line, key);
    add_number(line, value);
}

#endif
