"""hash() of a datetime64 makes an object and keeps it."""
import numpy
import probe

probe.run(lambda: hash(numpy.datetime64("2026-01-01T00:00:00", "ns")))
