"""What the types of all files have in common: their base, and the names that files give."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^[a-z][a-z0-9-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN, examples=["checkout"])]
KUBERNETES_NAME = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
"""A DNS label (RFC 1123), as Kubernetes asks of the names of namespaces and Services; Deployments are held to it too."""
KubernetesName = Annotated[str, Field(pattern=KUBERNETES_NAME, examples=["redis"])]


class Declared(BaseModel):
    """The base of everything that a file declares: frozen, no unknown keys, kebab-case keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        serialize_by_alias=True,
        alias_generator=lambda name: re.sub(r"_(s|per_s)$", "", name).replace("_", "-"),
    )
