"""A reduction into an array of the caller's keeps a reference to it."""
import numpy
import probe

NUMBERS = numpy.arange(16.0)


def step():
    out = numpy.empty(())
    numpy.add.reduce(NUMBERS, out=(out,))
    numpy.add.reduce(NUMBERS, 0, None, out)


probe.run(step)
