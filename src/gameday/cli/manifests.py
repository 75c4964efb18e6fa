"""``gameday manifests``: the accounts and rights that runs in a cluster need, for ``kubectl apply``."""

from __future__ import annotations

import re
import sys
from argparse import Namespace

from gameday.cli.exits import Exit
from gameday.cli.program import command
from gameday.cli.trouble import Trouble
from gameday.experiment.flaws import did_you_mean
from gameday.targets.kubernetes.manifests import NETWORK_POLICY, accounts
from gameday.targets.kubernetes.rights import USES, Grant

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_NARROWS = {
    "--for": ("uses", ("role", "janitor", "node-role")),
    "--workloads": ("workloads", ("role", "janitor")),
    "--nodes": ("nodes", ("node-role",)),
}
"""What a flag narrows, one of which must be asked for."""


def run(args: Namespace) -> int:
    """Print them for a namespace; nothing is asked of any cluster."""
    for flag, (given, narrows) in _NARROWS.items():
        if getattr(args, given) is not None and not {*args.accounts} & {*narrows}:
            raise Trouble(
                f"{flag} narrows nothing of what is asked for",
                seen=", ".join(args.accounts),
                valid=" or ".join(narrows),
                next=f"{command('manifests')} --help",
            )
    grant = Grant(
        uses=tuple(USES) if args.uses is None else _words("--for", args.uses, tuple(USES)),
        workloads=_words("--workloads", args.workloads),
        nodes=_words("--nodes", args.nodes),
    )
    _see_needed(args, grant)
    if (NETWORK_POLICY in args.accounts) != (args.api_server is not None):
        raise Trouble(
            f"{NETWORK_POLICY} and --api-server go together",
            seen=", ".join(args.accounts),
            valid=f"{NETWORK_POLICY} --api-server CIDR, from where the API server reaches pods",
            next="kubectl get endpointslices --namespace default --selector kubernetes.io/service-name=kubernetes",
        )
    sys.stdout.write(accounts(args.namespace, args.accounts, grant, api_server=args.api_server or ""))
    return Exit.PASSED


def _words(flag: str, text: str | None, valid: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the words of a flag's value, each once."""
    words = tuple(dict.fromkeys(text.split(","))) if text is not None else ()
    for word in words:
        if word not in valid if valid else not _NAME.fullmatch(word):
            raise Trouble(
                f"{flag} is not a valid list",
                seen=word,
                valid=", ".join(valid) or "names as Kubernetes has them, with commas between them",
                hint=did_you_mean(word, valid),
                next=f"{command('manifests')} --help",
            )
    return words


def _see_needed(args: Namespace, grant: Grant) -> None:
    """Raise the trouble where an account is asked for that none of the uses needs."""
    for name, is_needed in (
        ("janitor", grant.changes_workloads or grant.changes_nodes),
        ("node-role", grant.changes_nodes),
    ):
        if name in args.accounts and not is_needed:
            needing = "kill-down, scale, drain" if name == "janitor" else "drain"
            raise Trouble(
                f"nothing of --for needs {name}",
                seen=args.uses,
                valid=f"one of {needing}, or no {name}",
                next=f"{command('manifests')} --help",
            )
