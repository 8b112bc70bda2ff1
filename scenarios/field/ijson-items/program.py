"""Starting to read a document's items keeps the names and tables that the reading was started with."""
import io

import ijson.backends.yajl2_c as ijson
import probe

probe.run(lambda: list(ijson.items(io.BytesIO(b'{"a": [1, 2, 3]}'), "a.item")))
