"""``gameday init``: look at a namespace, and write a first system file and experiment for it; overwrites nothing."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

from gameday.cli.exits import Exit
from gameday.cli.program import command
from gameday.cli.screen import say
from gameday.cli.trouble import Trouble
from gameday.experiment.loading.finding import SUFFIX
from gameday.experiment.model import KindTarget
from gameday.experiment.surveyed import Survey, experiment_file, name_of_experiment, remarks, system_file
from gameday.targets.claim import ClaimError
from gameday.targets.kubernetes.api import open_api
from gameday.targets.kubernetes.guard import allowing, see_allowed
from gameday.targets.kubernetes.survey import survey
from gameday.targets.protocol import TargetError

_SYSTEM_NAMESPACE = re.compile(
    r"kube-.+|local-path-storage|openshift(-.+)?|istio-system|linkerd|calico-.+|tigera-.+|gke-.+"
)


def run(args: Namespace) -> int:
    """Survey, write, and print what was seen and what comes next."""
    _refuse_system_namespace(args)
    seen = _look(args)
    if not seen.entries():
        what = f"nothing in the namespace {seen.namespace} speaks HTTP, so no load can be put on it"
        kinds = ", ".join(f"{each.workload} is {each.kind}" for each in seen.workloads)
        after = f"kubectl --context {seen.context} --namespace {seen.namespace} get deployments,statefulsets"
        raise Trouble(what, seen=kinds or "no workload", valid="a Deployment that serves users over HTTP", next=after)
    folder: Path = args.out_folder
    name = name_of_experiment(seen)
    files = {
        folder / "systems" / f"{seen.name}{SUFFIX}": system_file(seen),
        folder / f"{name}{SUFFIX}": experiment_file(seen),
    }
    _see_free(tuple(files))
    for path, text in files.items():
        _write(path, text)
    say(f"in the namespace {seen.namespace} of {seen.context}:")
    for remark in remarks(seen):
        say(f"  {remark}")
    for path in files:
        say(f"wrote {path}")
    wanted = name if folder == Path("experiments") else str(folder / f"{name}{SUFFIX}")
    say("next: read both files and put right what was guessed, then")
    say(f"  {command('validate', wanted)}")
    say(f"  {command('plan', wanted, '--target', 'kind')}")
    say(f"  {command('run', wanted, '--target', 'kind')}")
    return Exit.PASSED


def _refuse_system_namespace(args: Namespace) -> None:
    """Raise ``Trouble`` for a namespace whose faults would be faults of the cluster."""
    if args.allow_system_namespace or not _SYSTEM_NAMESPACE.fullmatch(args.namespace):
        return
    raise Trouble(
        f"{args.namespace} is a namespace of the cluster itself: faults there are faults of everything that runs on it",
        seen=args.namespace,
        valid="a namespace of your own, or the flag --allow-system-namespace",
        next="kubectl get namespaces",
        code=Exit.REFUSED,
    )


def _look(args: Namespace) -> Survey:
    given = f"--context {args.context} --namespace {args.namespace}"
    try:
        target = KindTarget(context=args.context, namespace=args.namespace, url="http://127.0.0.1:1")
        see_allowed(allowing(target, args.allow_context))
        return survey(open_api(args.context), args.namespace)
    except ClaimError as error:
        raise Trouble(str(error), seen=args.context, next=command("init", "--help"), code=Exit.REFUSED) from error
    except TargetError as error:
        raise Trouble(str(error), seen=given, next="kubectl config get-contexts; kubectl get ns") from error
    except ValueError as error:  # pydantic's: a name that Kubernetes would not take
        raise Trouble(
            "this is no context and namespace",
            seen=given,
            valid="a context of the kubeconfig, and a DNS label such as guestbook",
            next="kubectl config get-contexts; kubectl get ns",
        ) from error


def _see_free(paths: tuple[Path, ...]) -> None:
    """Refuse before anything is written, so that never one of two files is there."""
    for path in paths:
        if path.exists():
            what = f"{path} is there already; nothing is overwritten"
            raise Trouble(what, seen=str(path), next="remove it, or another --out-folder")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        what = f"{path} cannot be written: {error.strerror}"
        again = command("init", "--context", "CONTEXT", "--namespace", "NAME", "--out-folder", "FOLDER")
        raise Trouble(what, where=str(path.absolute()), valid="a folder that can be written", next=again) from error
