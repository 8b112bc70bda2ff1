"""An array whose type cannot be told is refused, and a reference to it stays."""
import numpy
import orjson
import probe


def step():
    try:
        orjson.dumps(numpy.zeros(128, dtype="complex128"), option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        pass


probe.run(step)
