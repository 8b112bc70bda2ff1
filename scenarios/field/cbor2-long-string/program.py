"""A string of more than 64 KiB is read in parts, and every part but the last stays."""
import cbor2
import probe

DATA = cbor2.dumps("x" * 131072)

probe.run(lambda: cbor2.loads(DATA), rate=100, warm=20)
