"""Deleting an item of a case-insensitive dictionary keeps what the key was looked up by."""
import itertools

import multidict
import probe

NUMBERS = itertools.count(1_000_000)


def step():
    headers = multidict.CIMultiDict()
    headers["x-request-id"] = "v" * 900 + str(next(NUMBERS))
    del headers["x-request-id"]


probe.run(step)
