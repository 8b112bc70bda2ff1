"""Each datetime with an offset leaves the offset that its zone answered."""
import datetime

import orjson
import probe


def step():
    offset = datetime.timezone(datetime.timedelta(hours=3))
    orjson.dumps(datetime.datetime(2026, 1, 1, tzinfo=offset))


probe.run(step)
