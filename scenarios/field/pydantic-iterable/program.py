"""A validated Iterable and its schema hold each other, which the collector cannot see."""
from typing import Iterable

import probe
import pydantic


class Model(pydantic.BaseModel):
    numbers: Iterable[int]


probe.run(lambda: list(Model(numbers=[1, 2, 3]).numbers))
