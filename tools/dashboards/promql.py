"""Selectors and the few shapes of query that panels are made of.

Every selector names ``job`` and ``instance``, so that a dashboard can be narrowed to one agent; every query aggregates
``instance`` away, so that two agents with one store (a leader and one that follows) do not show everything twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.rules.model import REPLICA

AGENT = ('job=~"$job"', 'instance=~"$instance"')


@dataclass(frozen=True, slots=True)
class Scope:
    """What the variables of a dashboard narrow a metric to."""

    matchers: tuple[str, ...] = ()

    def __call__(self, name: str, *matchers: str) -> str:
        """A selector: ``vsphere_up{job=~"$job",instance=~"$instance",vcenter=~"$vcenter"}``."""
        return f"{name}{{{','.join((*AGENT, *self.matchers, *matchers))}}}"

    def only(self, *matchers: str) -> "Scope":
        """This scope, narrowed further."""
        return Scope((*self.matchers, *matchers))


AGENTS = Scope()
VCENTER = Scope(('vcenter=~"$vcenter"',))
CLOUD = Scope(('cloud=~"$cloud"',))


def greatest(by: str, inner: str) -> str:
    """The greatest per ``by``: of gauges that several agents show alike."""
    return f"max by ({by}) ({inner})"


def least(by: str, inner: str) -> str:
    """The least per ``by``."""
    return f"min by ({by}) ({inner})"


def total(by: str, inner: str) -> str:
    """The sum per ``by`` of what each agent shows alike."""
    return f"sum by ({by}) ({once(inner)})" if by else f"sum({once(inner)})"


def once(inner: str) -> str:
    """Each series once, whichever agents show it."""
    return f"max without ({REPLICA}) ({inner})"


def rate(selector: str) -> str:
    """Per second."""
    return f"rate({selector}[$__rate_interval])"


def increase(selector: str, window: str = "$__rate_interval") -> str:
    """By how much a counter grew within the window."""
    return f"increase({selector}[{window}])"


def quantile(share: float, by: str, histogram: str) -> str:
    """A quantile of a histogram, of what was observed lately. ``histogram`` is a selector of its buckets."""
    return f"histogram_quantile({share}, {total(f'{by}, le' if by else 'le', rate(histogram))})"


def count(inner: str, *, known: str) -> str:
    """How many series there are; 0 where there is none and ``known`` is there, and nothing where that is absent too."""
    return f"count({inner}) or 0 * max({known})"


def failing(by: str, ups: str) -> str:
    """How many of these flags (1 good) are 0."""
    return f"sum(1 - {greatest(by, ups)})"


def with_info(value: str, info: str, *, on: Sequence[str], add: Sequence[str]) -> str:
    """A value with labels of an info series on it; what has no such info is left out.

    Two agents see a change (a machine has moved) at two moments. Between them there are two infos of one object, which
    a join refuses, for the whole time that is shown; so one of them is taken.
    """
    keys = ", ".join(on)
    more = ", ".join(add)
    one = f"topk by ({keys}) (1, max by ({', '.join((*on, *add))}) ({info}))"
    return f"{value} * on ({keys}) group_left ({more}) {one}"
