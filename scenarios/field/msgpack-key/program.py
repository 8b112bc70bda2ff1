"""A map whose key is an integer is refused, and the value that was read for it stays."""
import msgpack
import probe

DATA = msgpack.packb({1: b"v" * 1000})


def step():
    try:
        msgpack.unpackb(DATA, strict_map_key=True)
    except ValueError:
        pass


probe.run(step)
