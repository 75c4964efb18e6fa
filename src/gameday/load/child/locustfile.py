"""Import a person's own locustfile as Locust's command line does, and ask it for all that a run needs before one begins."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import locust
from locust import LoadTestShape, User, log
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.runners import LocalRunner
from locust.user.task import is_markov_taskset
from locust.util.load_locustfile import load_locustfile

from gameday.load.wire import Closed


class LocustfileError(Exception):
    """Locust could not run the file; the text is Locust's own where it has one."""


def environment_of(closed: Closed) -> Environment:
    """
    Import the file and return the environment in which its users will live; no user is made, nothing is sent.

    The file's listeners hang on Locust's global events, which are the environment's. Its ``init`` listeners are called by
    ``announce``, when there is a runner.

    Raises:
        LocustfileError: The file, or what is asked of it, is wrong.
    """
    log.setup_logging("INFO")
    users, shapes = _imported(closed.locustfile)
    if not users:
        raise LocustfileError(f"No User class found! ({closed.locustfile})")
    if missing := [name for name in closed.hosts if name not in users]:
        raise LocustfileError(f"Unknown User(s): {', '.join(missing)} (there are {', '.join(users)})")
    if not shapes and closed.users is None:
        raise LocustfileError("how many users? The locustfile has no LoadTestShape, so load.users must say it")
    environment = _made(closed, users, shapes)
    _filter(environment, closed)
    for user in environment.user_classes:
        if not callable(user.wait_time):
            kind = type(user.wait_time).__name__
            raise LocustfileError(f"{user.__name__}.wait_time is of type {kind}, not a function such as between(1, 2)")
    return environment


def place(runner: LocalRunner, hosts: Mapping[str, str]) -> None:
    """Give some user classes a host of their own; Locust gives its environment's to all of them, each time before it makes users."""
    spawn = runner.spawn_users

    def placed(*args: object, **more: object) -> list[User]:
        for name, host in hosts.items():
            runner.user_classes_by_name[name].host = host
        made: list[User] = spawn(*args, **more)
        return made

    runner.spawn_users = placed


def announce(environment: Environment) -> None:
    """
    Call the file's ``init`` listeners.

    Raises:
        LocustfileError: One of them raised, which Locust takes for fatal; its traceback is on standard error.
    """
    log.unhandled_greenlet_exception = False
    environment.events.init.fire(environment=environment, runner=environment.runner, web_ui=None)
    if log.unhandled_greenlet_exception:
        raise LocustfileError("a listener of the init event raised")


def _imported(path: str) -> tuple[dict[str, type[User]], list[LoadTestShape]]:
    try:
        users, shapes = load_locustfile(path)
    except (Exception, SystemExit) as error:
        raise LocustfileError(_told(error, path)) from error
    return users, shapes


def _told(error: BaseException, path: str) -> str:
    """Write a traceback as Python does, from the locustfile on: how it came to be imported is of no interest."""
    told = traceback.TracebackException.from_exception(error)
    own = next((index for index, frame in enumerate(told.stack) if frame.filename == path), len(told.stack))
    told.stack = traceback.StackSummary.from_list(told.stack[own:])
    return "".join(told.format()).strip()


def _made(closed: Closed, users: dict[str, type[User]], shapes: Sequence[LoadTestShape]) -> Environment:
    arguments = ["--headless", "-f", closed.locustfile, "--spawn-rate", str(closed.spawn_rate_per_s)]
    arguments += ["--users", str(closed.users)] if closed.users else []
    try:
        parser = get_parser(default_config_files=[])
        parser.error = _refuse  # else it prints, and leaves with a number
        options = parser.parse_args(arguments)
        return Environment(
            locustfile=Path(closed.locustfile).name,
            user_classes=list(users.values()),
            shape_class=shapes[0] if shapes else None,
            tags=list(closed.tags) or None,
            exclude_tags=list(closed.exclude_tags) or None,
            events=locust.events,
            host=closed.host,
            parsed_options=options,
            parsed_locustfiles=[closed.locustfile],
            available_user_classes=users,
            available_shape_classes={type(shape).__name__: shape for shape in shapes},
        )
    except LocustfileError:
        raise
    except (Exception, SystemExit) as error:
        raise LocustfileError(_told(error, closed.locustfile)) from error


def _refuse(message: str) -> NoReturn:
    raise LocustfileError(f"locust: error: {message}")


def _filter(environment: Environment, closed: Closed) -> None:
    """Leave the tasks of the tags; Locust would only warn, and fail when it makes the user."""
    logging.disable(logging.WARNING)
    try:
        environment._filter_tasks_by_tags()  # noqa: SLF001 - Locust does it at its start, when it is too late
    finally:
        logging.disable(logging.NOTSET)
    for user in environment.user_classes:
        if user.tasks or is_markov_taskset(user) or user.run is not User.run:
            continue
        if closed.tags or closed.exclude_tags:
            asked = f"tags: {', '.join(closed.tags) or 'all'}; exclude-tags: {', '.join(closed.exclude_tags) or 'none'}"
            raise LocustfileError(
                f"{user.__name__} had no tasks left after filtering, instantiating it will fail! ({asked})"
            )
        raise LocustfileError(
            f"No tasks defined on {user.__name__}. Use the @task decorator or set the 'tasks' attribute of the User "
            "(or mark it as abstract = True if you only intend to subclass it)"
        )
