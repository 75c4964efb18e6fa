"""What the types of all files have in common: their base, and the names that files give."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^[a-z][a-z0-9-]*$"
Name = Annotated[
    str,
    Field(
        pattern=NAME_PATTERN,
        description="a name of lower-case letters, digits and dashes that begins with a letter",
        examples=["checkout"],
    ),
]
Sentence = Annotated[str, Field(pattern=r"\S", description="a sentence that is not blank", examples=["Does it hold?"])]
KUBERNETES_NAME = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
"""A DNS label (RFC 1123), as Kubernetes asks of the names of namespaces and Services; Deployments are held to it too."""
KubernetesName = Annotated[
    str,
    Field(
        pattern=KUBERNETES_NAME,
        description="at most 63 lower-case letters, digits and dashes, a letter or digit at both ends",
        examples=["redis"],
    ),
]


class Declared(BaseModel):
    """The base of everything that a file declares: frozen, no unknown keys, kebab-case keys. Validators are built when first used."""

    model_config = ConfigDict(
        defer_build=True,
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        serialize_by_alias=True,
        alias_generator=lambda name: re.sub(r"_(s|per_s)$", "", name).replace("_", "-"),
    )
