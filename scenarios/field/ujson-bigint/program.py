"""An integer that does not fit 64 bits is copied to be told, and the copy of its digits stays."""
import probe
import ujson

TEXT = "1" + "0" * 999  # 1,000 digits: 1,001 bytes with the end, a block of 1,024

probe.run(lambda: ujson.loads(TEXT))
