"""What keeps what, in one line."""
import probe


def step():
    pass  # one operation


probe.run(step)
