"""Answers on a socket with what tracemalloc knows, for leaklab; then the program's own module of this name."""

import os
import sys


def _answer(connection):
    import gc
    import tracemalloc

    gc.collect()
    own = (tracemalloc.Filter(False, tracemalloc.__file__), tracemalloc.Filter(False, __file__))
    lines = tracemalloc.take_snapshot().filter_traces(own).statistics("lineno")
    with connection, connection.makefile("w", encoding="utf-8", errors="replace") as out:
        for line in lines:
            frame = line.traceback[0]
            print(frame.filename, frame.lineno, line.count, line.size, sep="\t", file=out)
        print("# end", file=out)


def _serve():
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind("\0leaklab-tracemalloc-%d" % os.getpid())
        server.listen(1)
        while True:
            connection, _ = server.accept()
            try:
                _answer(connection)
            except OSError:
                pass  # Whoever asked is gone.


def _start():
    import threading

    threading.Thread(target=_serve, name="leaklab-tracemalloc", daemon=True).start()


def _chain():
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != folder]
    own = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError:
        if own is not None:
            sys.modules["sitecustomize"] = own


try:
    import tracemalloc

    if tracemalloc.is_tracing():
        _start()
        os.register_at_fork(after_in_child=_start)
except Exception as error:  # The program must run whatever becomes of this.
    print("leaklab: tracemalloc cannot be read: %s" % error, file=sys.stderr)
_chain()
