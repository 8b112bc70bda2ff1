"""What `default` raises becomes the cause of the error, and the chain stays."""
import orjson
import probe


class Unknown:
    pass


def default(value):
    raise ValueError("no")


def step():
    try:
        orjson.dumps(Unknown(), default=default)
    except TypeError:
        pass


probe.run(step)
