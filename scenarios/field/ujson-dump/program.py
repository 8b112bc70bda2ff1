"""The serialised text stays when the file that it is written to raises."""
import probe
import ujson


class Full:
    def write(self, text):
        raise OSError(28, "no space left on device")


DOCUMENT = {"k": "x" * 1000}


def step():
    try:
        ujson.dump(DOCUMENT, Full())
    except OSError:
        pass


probe.run(step)
