"""What the files write as text or in several ways, and the values that it stands for: edges, drawn keys, addresses."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, WithJsonSchema

from gameday.experiment.units import was_read


class Dependency(BaseModel):
    """An edge: ``caller`` opens connections to ``callee``. Written ``web -> cache``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    caller: str
    callee: str

    def __str__(self) -> str:
        """Write the edge as the files do."""
        return f"{self.caller} -> {self.callee}"


def _dependency(value: object, info: ValidationInfo) -> object:
    if isinstance(value, Dependency) or was_read(info):
        return value
    match = (
        re.fullmatch(r"([a-z][a-z0-9-]*)\s*->\s*([a-z][a-z0-9-]*)", value.strip()) if isinstance(value, str) else None
    )
    if match is None:
        raise ValueError('two services with an arrow, such as "web -> cache"')
    return Dependency(caller=match[1], callee=match[2])


Edge = Annotated[
    Dependency,
    BeforeValidator(_dependency),
    WithJsonSchema(
        {"type": "string", "pattern": r"^[a-z][a-z0-9-]*\s*->\s*[a-z][a-z0-9-]*$", "examples": ["web -> cache"]}
    ),
]


_ZIPF = r"zipf\(\s*([0-9](?:\.[0-9]{1,9})?)\s*,\s*([0-9]{1,6})\s*\)"


class Keys(BaseModel):
    """The keys that requests of a route draw: ``count`` keys, popularity Zipf with exponent ``exponent``. ``zipf(1.0, 20)``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exponent: float
    count: int


def _keys(value: object, info: ValidationInfo) -> object:
    if isinstance(value, Keys) or was_read(info):
        return value
    match = re.fullmatch(_ZIPF, value.strip()) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[2]) <= 100_000:
        raise ValueError("zipf(EXPONENT, COUNT) with an exponent below 10 and 1 to 100000 keys, such as zipf(1.0, 20)")
    return Keys(exponent=float(match[1]), count=int(match[2]))


ZipfKeys = Annotated[
    Keys,
    BeforeValidator(_keys),
    WithJsonSchema({"type": "string", "pattern": f"^{_ZIPF}$", "examples": ["zipf(1.0, 20)"]}),
]


_URL = r"http://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?"


def _urls(value: object) -> object:
    urls = value.values() if isinstance(value, dict) and value else (value,)
    if not all(isinstance(url, str) and re.fullmatch(_URL, url) for url in urls):
        raise ValueError("http://HOST:PORT without a path, or one for each service at which routes enter, {web: URL}")
    return value


Urls = Annotated[
    str | dict[str, str],
    BeforeValidator(_urls),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_URL}$", "examples": ["http://127.0.0.1:30080"]},
                {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"type": "string", "pattern": f"^{_URL}$"},
                },
            ]
        }
    ),
]
"""Where requests from outside enter: one address for all services, or one for each; paths are appended."""
