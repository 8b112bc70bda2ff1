"""popall() takes an item out and keeps a reference to its key and value."""
import itertools

import multidict
import probe

NUMBERS = itertools.count(1_000_000)


def step():
    name = "X-%d" % next(NUMBERS)
    multidict.CIMultiDict([(name, "v")]).popall(name)


probe.run(step)
