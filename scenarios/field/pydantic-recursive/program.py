"""The schema of a model that refers to itself is never freed, however short the model lives."""
from typing import Optional

import probe
import pydantic


def step():
    class Node(pydantic.BaseModel):
        next: Optional["Node"] = None

    Node.model_rebuild()


probe.run(step, rate=20, warm=20)
