"""Keep count of a locustfile's user classes: users made, requests sent, and exceptions that Locust only logs."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any
from weakref import WeakKeyDictionary

import gevent
import locust
from gevent import Greenlet, GreenletExit, getcurrent
from locust import TaskSet, User
from locust.env import Environment
from locust.event import EventHook
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser

import gameday
from gameday.load.wire import Raised, UserClass

MOST_PLACES = 20
"""How many places that raise are told apart; a hundred would not fit into one message."""
MOST_CHARACTERS = 4000
"""Of a traceback; its end is kept, which says most."""
ELSEWHERE = "(further places)"
_NO_ERRORS = (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)
"""By these a task tells Locust how to go on."""
_ENDS = (GreenletExit, SystemExit, KeyboardInterrupt)
_COUNTED = "_gameday_counted"
_FOREIGN = tuple(f"{Path(module.__file__ or '').parent}/" for module in (locust, gevent, gameday))


class Population:
    """
    The users of one load, by class.

    Locust itself reports exceptions of tasks and of ``on_start``; those of listeners, of ``on_stop``, of shapes and of greenlets that a user
    started it logs, or leaves to gevent, which prints them.
    """

    def __init__(self, environment: Environment) -> None:
        """Count nothing yet."""
        self._environment = environment
        self._of: WeakKeyDictionary[Greenlet, str] = WeakKeyDictionary()
        self._users, self._requests = Counter[str](), Counter[str]()
        self._raised: dict[tuple[str, str], Raised] = {}

    def watch(self) -> None:
        """Count from now on."""
        # First, because a listener of the file may end its user's task, and then no further one is called.
        self._environment.events.user_error._handlers.insert(0, self._user_error)  # noqa: SLF001 - as above
        self._watch_starts()
        self._watch_listeners()
        for kind in _all_below(TaskSet):
            if "on_stop" in vars(kind):
                kind.on_stop = self._watched_stop(kind.on_stop)
        hub = gevent.get_hub()
        report = hub.handle_error

        def died(context: object, kind: type, value: object, tb: TracebackType | None) -> None:
            with suppress(Exception):
                self._died(context, value)
            report(context, kind, value, tb)

        hub.handle_error = died

    def sent(self, user: object = None) -> None:
        """Count a request of a user, if it is known whose: else of the user in whose greenlet this is."""
        name = type(user).__name__ if isinstance(user, User) else self._owner(getcurrent())
        self._requests[name] += 1

    def classes(self) -> tuple[UserClass, ...]:
        """Return every class of the load with what its users did."""
        names = [each.__name__ for each in self._environment.user_classes]
        return tuple(UserClass(name, self._users[name], self._requests[name]) for name in names)

    def raised(self) -> tuple[Raised, ...]:
        """Return every place that raised, with the number of times and the first traceback, in the order of their first exceptions."""
        return tuple(self._raised.values())

    def _watch_starts(self) -> None:
        start = User.start

        @wraps(start)
        def started(user: User, *args: object, **more: object) -> Greenlet:
            greenlet: Greenlet = start(user, *args, **more)
            self._of[greenlet] = type(user).__name__
            self._users[type(user).__name__] += 1
            return greenlet

        User.start = started

    def _watch_listeners(self) -> None:
        fire = EventHook.fire

        @wraps(fire)
        def fired(hook: EventHook, *, reverse: bool = False, **arguments: object) -> None:
            watched = EventHook()
            handlers: list[Any] = hook._handlers  # noqa: SLF001 - it has no other way
            watched._handlers = [self._watched_listener(hook, each) for each in handlers]  # noqa: SLF001 - same
            fire(watched, reverse=reverse, **arguments)

        EventHook.fire = fired

    def _watched_listener(self, hook: EventHook, listener: Callable[..., object]) -> Callable[..., object]:
        def heard(**arguments: object) -> None:
            try:
                listener(**arguments)
            except _NO_ERRORS:
                raise
            except Exception as error:
                events = vars(self._environment.events).items()
                event = next((name for name, each in events if each is hook), "an event")
                self._count("", f"{event} listener {getattr(listener, '__qualname__', listener)}", error, again=False)
                raise

        return heard

    def _watched_stop(self, stop: Callable[..., object]) -> Callable[..., object]:
        @wraps(stop)
        def stopped(tasks: TaskSet, *args: object, **more: object) -> None:
            try:
                stop(tasks, *args, **more)
            except _NO_ERRORS:
                raise
            except Exception as error:
                if not _was_counted(error):
                    self._count(type(tasks.user).__name__, _place(error), error)
                raise

        return stopped

    def _user_error(self, *, user_instance: User | TaskSet, exception: Exception, **_: object) -> None:
        """Count what Locust reports; it goes on from here unless a task's exception is caught, and then comes again."""
        caught = isinstance(user_instance, TaskSet) and self._environment.catch_exceptions
        user = user_instance.user if isinstance(user_instance, TaskSet) else user_instance
        if not _was_counted(exception):
            self._count(type(user).__name__, _place(exception), exception, again=not caught)

    def _died(self, greenlet: object, error: object) -> None:
        """Count what a greenlet died of."""
        if (
            isinstance(error, BaseException)
            and not isinstance(error, (*_NO_ERRORS, *_ENDS))
            and not _was_counted(error)
        ):
            self._count(self._owner(greenlet), _place(error), error)

    def _owner(self, greenlet: Any) -> str:  # noqa: ANN401 - gevent publishes no types
        """Return the class of the user to whom a greenlet belongs, because it is the user's, or was started by one that is."""
        while greenlet is not None:
            if isinstance(greenlet, Greenlet) and (name := self._of.get(greenlet)):
                return name
            parent = getattr(greenlet, "spawning_greenlet", None)
            greenlet = parent() if parent else None
        return ""

    def _count(self, user: str, task: str, error: BaseException, *, again: bool = True) -> None:
        """Count an exception; ``again`` when it goes on and will be seen once more."""
        if again:
            with suppress(AttributeError):
                setattr(error, _COUNTED, True)
        if (user, task) not in self._raised and len(self._raised) >= MOST_PLACES:
            user, task = "", ELSEWHERE
        before = self._raised.get((user, task))
        if before is None:
            self._raised[user, task] = Raised(user, task, 1, _summary(error), _traceback(error))
        else:
            self._raised[user, task] = Raised(user, task, before.count + 1, before.error, before.traceback)


def _all_below(kind: Any) -> Iterable[Any]:  # noqa: ANN401 - Locust publishes no types
    for each in kind.__subclasses__():
        yield each
        yield from _all_below(each)


def _was_counted(error: BaseException) -> bool:
    return getattr(error, _COUNTED, False)


def _frames(error: BaseException) -> list[tuple[CodeType, int]]:
    """Return the code and the line of every frame that is the file's own: neither Locust's nor gevent's nor ours."""
    walked = traceback.walk_tb(error.__traceback__)
    frames = [(frame.f_code, line) for frame, line in walked]
    own = [each for each in frames if _is_own(each[0].co_filename)]
    return own or frames[-1:]


def _is_own(path: str) -> bool:
    """Return whether a frame is the file's; compiled parts of gevent name theirs by a relative path."""
    return path.startswith("/") and not path.startswith(_FOREIGN)


def _place(error: BaseException) -> str:
    """Return the function of the file in which it began: the task's, ``on_start``, ``tick`` of a shape."""
    return next((code.co_qualname for code, _ in _frames(error)), "?")


def _summary(error: BaseException) -> str:
    """Return the exception in one line, and the line of the file that raised it."""
    text = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1][:300]
    at = next((f" ({Path(code.co_filename).name}:{line})" for code, line in reversed(_frames(error))), "")
    return text + at


def _traceback(error: BaseException) -> str:
    """Return the traceback from the file's own first frame on."""
    told = traceback.TracebackException.from_exception(error)
    first = next((i for i, frame in enumerate(told.stack) if _is_own(frame.filename)), 0)
    told.stack = traceback.StackSummary.from_list(told.stack[first:])
    return "".join(told.format()).strip()[-MOST_CHARACTERS:]
