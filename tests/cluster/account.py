"""A kubeconfig for the ServiceAccount that ships: with it gameday can do what its Role allows and nothing else."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from gameday.targets.kubernetes.api import Api
from gameday.targets.protocol import TargetError

NAME = "gameday"
_VALID_S = 24 * 3600


def write_kubeconfig(api: Api, context: str, namespace: str, path: Path) -> None:
    """
    Write a kubeconfig of one context whose user is the ServiceAccount ``gameday`` of a namespace, for a day.

    Raises:
        TargetError: The caller may not make a token, or there is no such account; ``up`` makes it.
    """
    with api.translated(f"making a token of the account {NAME} in {namespace}"):
        body = {"spec": {"expirationSeconds": _VALID_S}}
        token = api.core.create_namespaced_service_account_token(NAME, namespace, body).status.token
    known = api.core.api_client.configuration
    if not known.ssl_ca_cert:
        raise TargetError(
            f"the context {context} names no certificate authority, so its API server cannot be told from others"
        )
    authority = base64.b64encode(Path(known.ssl_ca_cert).read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": context, "cluster": {"server": known.host, "certificate-authority-data": authority}}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": NAME, "namespace": namespace}}],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
