"""A tuple of more than 16 items is read into a list first, and the list stays with its items."""
import msgspec
import probe

DECODER = msgspec.msgpack.Decoder(tuple)
DATA = msgspec.msgpack.Encoder().encode(tuple(f"item {i}" for i in range(20)))

probe.run(lambda: DECODER.decode(DATA))
