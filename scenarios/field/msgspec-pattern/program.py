"""The compiled pattern of a constraint outlives it."""
import itertools

import msgspec
import probe

NUMBERS = itertools.count(1_000_000)

probe.run(lambda: msgspec.Meta(pattern=f"^{next(NUMBERS)}$"), rate=300, warm=600)
