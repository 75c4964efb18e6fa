"""What the commands about files take: those that write, list, check or describe them. Imports next to nothing, as ``parser``."""

from __future__ import annotations

import argparse

from gameday.cli.flags import ACCOUNTS, KINDS, SHELLS, Commands, Parser, add_about, add_command
from gameday.cli.reading import network, word


def add_new(commands: Commands[Parser], name: str) -> None:
    """Take a new experiment's name, and what it is about."""
    command = add_command(
        commands,
        name,
        "write a first experiment file, to be changed",
        "gameday new slow-payments",
        "gameday new slow-payments --fault latency --route checkout",
        "gameday new lost-cache --system shop --fault empty-cache --route product",
    )
    command.add_argument("called", metavar="NAME", help="the experiment's name; the file is experiments/NAME.yaml")
    add_about(command, "what it is about")
    command.add_argument("--fault", default="latency", metavar="FAULT", help="what is done to it (default: latency)")
    command.add_argument(
        "--route", metavar="ROUTE", help="the route that it is about (default: the first that the fault can matter to)"
    )


def add_list(commands: Commands[Parser], name: str) -> None:
    """Take nothing."""
    add_command(commands, name, "list the experiments there are", "gameday list", "gameday list | grep cache")


def add_validate(commands: Commands[Parser], name: str) -> None:
    """Take the names of experiments and suites."""
    command = add_command(
        commands,
        name,
        "check experiments and their systems, and tell every mistake at once",
        "gameday validate",
        "gameday validate cache-stampede",
        "gameday validate experiments/my-question.yaml",
    )
    command.add_argument(
        "names", nargs="*", metavar="NAME", help="an experiment's or a suite's name or file (default: all there are)"
    )


def add_manifests(commands: Commands[Parser], name: str) -> None:
    """Take a namespace, and which manifests."""
    command = add_command(
        commands,
        name,
        "print the manifests of the accounts and rights that runs in a cluster need",
        "gameday manifests guestbook janitor | kubectl --context kind-gameday apply --filename -",
        "gameday manifests guestbook role account --for kill,latency",
        "gameday manifests guestbook role account janitor node-role policy",
    )
    command.add_argument("namespace", metavar="NAMESPACE", help="where the system is")
    command.add_argument(
        "accounts",
        nargs="+",
        type=word(command, "NAME", *ACCOUNTS),
        metavar="NAME",
        help="role and account: whom runs may act as; janitor: who undoes when gameday is gone; node-role: for drain; "
        "policy: limits what the accounts may do with their rights; network-policy: only the API server reaches agents",
    )
    command.add_argument(
        "--for",
        dest="uses",
        metavar="USE,...",
        help="grant what these faults need and no more; also kill-down (kill with down), workers (a load of several) and "
        "demo (the shop's variants) (default: all)",
    )
    command.add_argument(
        "--workloads",
        metavar="NAME,...",
        help="the only Deployments and StatefulSets that role and janitor may change (default: any)",
    )
    command.add_argument(
        "--nodes", metavar="NAME,...", help="the only nodes that node-role lets be cordoned (default: any)"
    )
    command.add_argument(
        "--api-server",
        type=network(command, "--api-server"),
        metavar="CIDR",
        help="from where the API server reaches pods, which network-policy needs; "
        "see: kubectl get endpointslices --namespace default",
    )


def add_schema(commands: Commands[Parser], name: str) -> None:
    """Take the kind of a file."""
    command = add_command(
        commands,
        name,
        "print the JSON Schema of a kind of file, for editors",
        "gameday schema experiment > experiment.json",
        "gameday schema system",
    )
    command.add_argument(
        "kind",
        type=word(command, "KIND", *KINDS),
        metavar="KIND",
        help="experiment, system or suite",
    )


def add_completion(commands: Commands[Parser], name: str) -> None:
    """Take a shell's name; its script hands on what was typed."""
    command = add_command(
        commands,
        name,
        "print a script that completes commands, flags, experiments and variants in a shell",
        'eval "$(gameday completion bash)"      # in ~/.bashrc',
        "gameday completion zsh > ~/.zfunc/_gameday",
        "gameday completion fish > ~/.config/fish/completions/gameday.fish",
    )
    command.add_argument(
        "shell",
        type=word(command, "SHELL", *SHELLS, untold=("words",)),
        metavar="SHELL",
        help="bash, zsh or fish",
    )
    words = command.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    words.required = False  # so that what is missing is told without them
