"""The remainder of an integer outside 64 bits, taken to see whether it is a multiple, stays."""
from typing import Annotated

import msgspec
import probe

NUMBER = Annotated[int, msgspec.Meta(multiple_of=7919)]
DECODER = msgspec.json.Decoder(NUMBER)
DATA = str(7919 * 10**30 + 1000).encode()


def step():
    try:
        DECODER.decode(DATA)
    except msgspec.ValidationError:
        pass


probe.run(step)
