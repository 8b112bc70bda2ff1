"""A parametrised model stays in a table for ever, with the model that it was made from."""
from typing import Generic, TypeVar

import probe
import pydantic

T = TypeVar("T")


def step():
    class Page(pydantic.BaseModel, Generic[T]):
        item: T

    Page[int]


probe.run(step, rate=60, warm=30)
