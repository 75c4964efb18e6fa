"""
What happens to one route's requests, as layers that each change the answers of those before it.

A route is a list of layers: the first draws times, others stretch, delay or spoil them. Everything comes from the
arrival times and a random generator; nothing is taken from the other simulator, nor from the analysis.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gameday.record.requests import Outcome

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Span = tuple[float, float]
REFUSED_S = 0.001
HANG_S = 3.0
"""When the client gives up."""


@dataclass(slots=True)
class Answers:
    """The requests of one route: scheduled ``at_s`` at ``rate_per_s``, sent ``lag_s`` later, ended ``time_s`` after that."""

    at_s: Floats
    rate_per_s: float
    time_s: Floats
    lag_s: Floats
    outcome: npt.NDArray[np.uint8]

    def spoil(self, which: Mask, outcome: Outcome) -> None:
        """Give requests a bad end: a hang until the client gives up, else at once."""
        self.outcome[which] = outcome
        self.time_s[which] = HANG_S if outcome is Outcome.TIMEOUT else REFUSED_S


Layer = Callable[[np.random.Generator, Answers], None]


def within(at_s: Floats, spans: Iterable[Span]) -> Mask:
    """Return which times lie in one of the spans."""
    inside = np.zeros(len(at_s), bool)
    for first, last in spans:
        inside |= (at_s >= first) & (at_s < last)
    return inside


# Times of requests that do not wait for each other


def lognormal(median_s: float, sigma: float) -> Layer:
    """Draw lognormal times; their p95 is ``median_s * exp(1.645 * sigma)``."""

    def layer(noise: np.random.Generator, answers: Answers) -> None:
        answers.time_s[:] = median_s * noise.lognormal(0.0, sigma, len(answers.at_s))

    return layer


def pareto(least_s: float, shape: float) -> Layer:
    """Draw Pareto times, of infinite variance for a shape below 2; their p95 is ``least_s * 20 ** (1 / shape)``."""

    def layer(noise: np.random.Generator, answers: Answers) -> None:
        answers.time_s[:] = least_s * (1 + noise.pareto(shape, len(answers.at_s)))

    return layer


def cached(hit_s: float, miss_s: float, misses: float, *, slow: tuple[float, Span] | None = None) -> Layer:
    """
    Draw times with two peaks, those of hits and of misses.

    Hits last ``slow[0]`` instead in a span of time. Misses never change.
    """

    def layer(noise: np.random.Generator, answers: Answers) -> None:
        hits = np.full(len(answers.at_s), hit_s)
        if slow:
            hits[within(answers.at_s, [slow[1]])] = slow[0]
        peak = np.where(noise.random(len(hits)) < misses, miss_s, hits)
        answers.time_s[:] = peak * noise.lognormal(0.0, 0.2, len(hits))

    return layer


# Times of requests that do wait for each other


def queue(servers: int, load: float, *, pressed: tuple[float, Span] | None = None) -> Layer:
    """
    Let requests wait in an M/M/c queue at ``load`` of its capacity, and at ``pressed[0]`` of it in a span of time.

    Waiting follows the recursion of Kiefer and Wolfowitz: who comes next is served by the server that is free first.
    """

    def layer(noise: np.random.Generator, answers: Answers) -> None:
        loads = np.full(len(answers.at_s), load)
        if pressed:
            loads[within(answers.at_s, [pressed[1]])] = pressed[0]
        services_s = noise.exponential(loads * servers / answers.rate_per_s)
        free_s = [0.0] * servers
        for index, (at_s, service_s) in enumerate(zip(answers.at_s.tolist(), services_s.tolist(), strict=True)):
            end_s = max(at_s, free_s[0]) + service_s
            heapq.heapreplace(free_s, end_s)
            answers.time_s[index] = end_s - at_s

    return layer


def retry_storm(
    servers: int, load: float, slow: float, span: Span, *, patience_s: float = 0.9, tries: int = 3
) -> Layer:
    """
    Let a caller inside try again whatever took too long, while the servers go on with what nobody waits for any more.

    In the span each service takes ``slow`` times as long. Then the queue is so long that every try is too late, and all
    come three times: at a load above a third nothing is answered in time ever after.
    """

    def layer(noise: np.random.Generator, answers: Answers) -> None:
        mean_s = load * servers / answers.rate_per_s
        free_s = [0.0] * servers
        coming = [(at_s, index, 1) for index, at_s in enumerate(answers.at_s.tolist())]
        while coming:
            at_s, index, number = heapq.heappop(coming)
            start_s = max(at_s, free_s[0])
            end_s = start_s + noise.exponential(mean_s) * (slow if span[0] <= start_s < span[1] else 1.0)
            heapq.heapreplace(free_s, end_s)
            if end_s - at_s <= patience_s:
                answers.time_s[index] = end_s - answers.at_s[index]
            elif number < tries:
                heapq.heappush(coming, (at_s + patience_s, index, number + 1))
            else:
                answers.time_s[index] = at_s + patience_s - answers.at_s[index]
                answers.outcome[index] = Outcome.ERROR

    return layer


# What makes all of them slower together


def slower(times: float, *spans: Span, share: float = 1.0) -> Layer:
    """Make requests so many times slower in spans of time: all of them, or a share."""

    def layer(noise: np.random.Generator, answers: Answers) -> None:
        which = within(answers.at_s, spans) & (noise.random(len(answers.at_s)) < share)
        answers.time_s[which] *= times

    return layer


def added(delay_s: float) -> Layer:
    """Add the same to each, such as the way there and back."""

    def layer(_: np.random.Generator, answers: Answers) -> None:
        answers.time_s += delay_s

    return layer


def wandering(sd: float, *, phi_per_s: float = 0.9) -> Layer:
    """Stretch times by noise of a route's own: their logarithm wanders, AR(1), with this standard deviation."""

    def layer(noise: np.random.Generator, answers: Answers) -> None:
        step_s = 0.1
        kept = phi_per_s**step_s
        drawn = noise.normal(0.0, sd, int(answers.at_s[-1] / step_s) + 2)
        drawn[1:] *= np.sqrt(1 - kept**2)
        for index in range(1, len(drawn)):
            drawn[index] += kept * drawn[index - 1]
        answers.time_s *= np.exp(drawn[(answers.at_s / step_s).astype(int)])

    return layer


def warming(extra: float, decay_s: float) -> Layer:
    """Begin ``1 + extra`` times as slow and become fast, by a factor of e every ``decay_s``."""

    def layer(_: np.random.Generator, answers: Answers) -> None:
        answers.time_s *= 1 + extra * np.exp(-answers.at_s / decay_s)

    return layer


def leaking(per_s: float) -> Layer:
    """Become slower all the time, from the load's start on, by this share of the first times each second."""

    def layer(_: np.random.Generator, answers: Answers) -> None:
        answers.time_s *= 1 + per_s * answers.at_s

    return layer


def pausing(length_s: float, every_s: float) -> Layer:
    """Stand still regularly, as for a collection of garbage: who comes meanwhile waits for the end of the pause."""

    def layer(noise: np.random.Generator, answers: Answers) -> None:
        since_s = (answers.at_s + noise.uniform(0, every_s)) % every_s
        answers.time_s += np.maximum(length_s - since_s, 0.0)

    return layer


# What spoils answers


def failing(share: float, outcome: Outcome, *spans: Span) -> Layer:
    """End a share of the requests in these spans in this way, each by its own chance."""

    def layer(noise: np.random.Generator, answers: Answers) -> None:
        answers.spoil(within(answers.at_s, spans) & (noise.random(len(answers.at_s)) < share), outcome)

    return layer


def bursting(share: float, length: float) -> Layer:
    """Fail in bursts of ``length`` requests on average, a share of all (Gilbert and Elliott)."""

    def layer(noise: np.random.Generator, answers: Answers) -> None:
        ends, begins = 1 / length, share / (1 - share) / length
        bad = np.zeros(len(answers.at_s), bool)
        state = noise.random() < share
        for index, chance in enumerate(noise.random(len(bad)).tolist()):
            bad[index] = state
            state = chance >= ends if state else chance < begins
        answers.spoil(bad, Outcome.ERROR)

    return layer


def fallback(*spans: Span) -> Layer:
    """Answer everything from a fallback."""

    def layer(_: np.random.Generator, answers: Answers) -> None:
        answers.outcome[within(answers.at_s, spans)] = Outcome.DEGRADED

    return layer


def killed(at_s: float, down_s: float) -> Layer:
    """Lose what is in flight at the kill, and refuse what comes in the ``down_s`` after it."""

    def layer(_: np.random.Generator, answers: Answers) -> None:
        victims = (answers.at_s < at_s) & (answers.at_s + answers.time_s > at_s)
        answers.spoil(within(answers.at_s, [(at_s, at_s + down_s)]), Outcome.CONNECTION)
        answers.outcome[victims] = Outcome.CONNECTION
        answers.time_s[victims] = at_s - answers.at_s[victims]

    return layer


def hiccup(at_s: float, length_s: float) -> Layer:
    """Let the generator stand still: what it should send meanwhile is sent at the end."""

    def layer(_: np.random.Generator, answers: Answers) -> None:
        held = within(answers.at_s, [(at_s, at_s + length_s)])
        answers.lag_s[held] = at_s + length_s - answers.at_s[held]

    return layer
