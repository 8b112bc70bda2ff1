"""Runs a step at a rate, and tells leaklab its operations and the live heap.

The heap is glibc's own count of bytes in use. With PYTHONMALLOC=malloc every Python object is in
it, to the byte; a full collection goes before each reading, so that garbage is not in it.
"""
import ctypes
import gc
import json
import os
import time


class _Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]


_libc = ctypes.CDLL(None)
_libc.mallinfo2.restype = _Mallinfo2
_pipe = open(int(os.environ.get("LEAKLAB_PIPE", "1")), "w", buffering=1)


def _tell(**more):
    gc.collect()
    info = _libc.mallinfo2()
    _pipe.write(json.dumps({"heap": {"allocated_bytes": info.uordblks + info.hblkhd}, **more}) + "\n")


def run(step, rate=2000, warm=200, every=0.2):
    """Runs `step` for ever, `rate` times a second, after `warm` of them that do not count."""
    for _ in range(warm):
        step()
    _tell(ready=True, ops=0)
    start = told = time.monotonic()
    done = 0
    while True:
        now = time.monotonic()
        due = min(int((now - start) * rate), done + 4096)
        for _ in range(due - done):
            step()
        done = max(done, due)
        if now - told >= every:
            told = now
            _tell(ops=done)
        time.sleep(0.002)


async def run_async(step, rate=150, warm=200, every=0.2):
    """As `run`, for a step that is a coroutine."""
    import asyncio
    for _ in range(warm):
        await step()
    _tell(ready=True, ops=0)
    start = told = time.monotonic()
    done = 0
    while True:
        now = time.monotonic()
        if done < int((now - start) * rate):
            await step()
            done += 1
        else:
            await asyncio.sleep(0.002)
        if now - told >= every:
            told = now
            _tell(ops=done)
