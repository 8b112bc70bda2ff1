"""The block that was read when a document turns out broken is never let go."""
import io

import ijson.backends.yajl2_c as ijson
import probe
from ijson import common


def step():
    try:
        list(ijson.items(io.BytesIO(b'{"a": [1, 2'), "a.item", buf_size=1024))
    except common.IncompleteJSONError:
        pass


probe.run(step)
