"""What the commands about a system and the place where it runs take. Imports next to nothing, as ``parser``."""

from __future__ import annotations

from pathlib import Path

from gameday.cli.flags import Commands, Parser, add_about, add_command, add_out, add_system, add_target


def add_doctor(commands: Commands[Parser], name: str) -> None:
    """Take a system, and where it would run."""
    command = add_command(
        commands,
        name,
        "tell what this machine lacks to run experiments",
        "gameday doctor",
        "gameday doctor --target kind",
    )
    add_target(command, "where the system would run: local or kind (default: local)")
    add_about(command, "what would run there")


def add_init(commands: Commands[Parser], name: str) -> None:
    """Take a namespace, and where to write."""
    command = add_command(
        commands,
        name,
        "look at a namespace, and write a first system file and experiment for it",
        "gameday init --context kind-gameday --namespace guestbook",
        "gameday init --context kind-gameday --namespace guestbook --out-folder experiments",
    )
    command.add_argument("--context", required=True, metavar="CONTEXT", help="which of the kubeconfig's contexts")
    command.add_argument("--namespace", required=True, metavar="NAME", help="which of its namespaces")
    command.add_argument(
        "--out-folder",
        type=Path,
        default=Path("experiments"),
        metavar="FOLDER",
        help="where experiments are kept (default: experiments)",
    )
    command.add_argument(
        "--allow-context",
        metavar="CONTEXT",
        help="look at a cluster whose context does not begin with kind-, named here",
    )
    command.add_argument(
        "--allow-system-namespace",
        action="store_true",
        help="draft also for a namespace that the cluster itself lives in, such as kube-system",
    )


def add_recover(commands: Commands[Parser], name: str) -> None:
    """Take where the runs are kept, and where they were."""
    command = add_command(
        commands,
        name,
        "undo whatever earlier runs left behind",
        "gameday recover",
        "gameday recover --out /tmp/reports",
        "gameday recover --target kind",
        "gameday recover --play-rollbacks reports/20261130-120000-mine",
    )
    add_target(command, "where the runs were: local or kind; of kind, also all of the cluster (default: local)")
    add_about(command, "what the runs were about, for --target kind")
    add_out(command)
    command.add_argument(
        "--play-rollbacks",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="do what the record of this run says though it is not signed by you, which recover has shown before",
    )


def add_up(commands: Commands[Parser], name: str) -> None:
    """Take a system, where it runs, its variant, and where its runs are kept."""
    command = add_command(
        commands,
        name,
        "start the demo system and leave it running, for the runs in this folder and for you",
        "gameday up",
        "gameday up shop --variant naive",
        "gameday up --target kind",
    )
    add_system(command)
    add_target(command, "where the system runs: local or kind (default: local)")
    command.add_argument(
        "--variant", metavar="VARIANT", help="naive or hardened (default: hardened, or the one that is up)"
    )
    add_out(command)


def add_down(commands: Commands[Parser], name: str) -> None:
    """Take a system, where it runs, and where its runs are kept."""
    command = add_command(commands, name, "end what up has started", "gameday down", "gameday down --target kind")
    add_system(command)
    add_target(command, "where the system runs: local or kind (default: local)")
    add_out(command)
