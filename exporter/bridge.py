"""What the agent exports -> what the SLA engine is told: observations, and resources that are gone. No I/O.

While a vCenter does not answer, ``api_communication`` of it is down, because ``vsphere_up`` is the agent's own and says
0; ``storage_connection`` of its hosts is unknown, because what is shown of them is old. Neither is judged before the
vCenter has been asked for the first time. A host that vCenter is not connected to is unknown, too: the guard of these
conditions says so.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from prometheus_client import CollectorRegistry

from exporter.conditions import GuardWatch, Key, Series, Sight, Standing, Verdict, Watch, expected, worse
from exporter.model import Family
from sla.incident import Incident
from sla.model import Labels
from sla.policy import Guard, Policy

Verdicts: TypeAlias = Mapping[str, Mapping[str, Verdict]]
"""By class and resource."""


class Bridge:
    """The conditions of a policy. ``sites`` gives the site of a vCenter or cloud by its name.

    A policy that replaces another one (``take``) keeps what was seen of conditions that are in both.
    """

    def __init__(self, policy: Policy, sites: Mapping[str, str]) -> None:
        self._sites: Mapping[str, str] = {}
        self._watches: dict[str, tuple[Watch, ...]] = {}
        self._guards: dict[Guard, GuardWatch] = {}
        self._seen: object = None
        self._looks: dict[str, tuple[list[Mapping[str, Verdict]], Mapping[str, Verdict]]] = {}
        self.take(policy, sites)

    def take(self, policy: Policy, sites: Mapping[str, str]) -> None:
        """Follows the conditions of this policy from now on."""
        kept = {
            (name, watch.condition): watch
            for name, watches in self._watches.items()
            for watch in watches
            if sites == self._sites
        }
        self._sites = dict(sites)
        self._watches = {
            name: tuple(
                kept.get((name, condition)) or Watch(condition, extra=self._site)
                for condition in class_.conditions
                if condition.metric
            )
            for name, class_ in policy.classes.items()
        }
        conditions = [watch.condition for watches in self._watches.values() for watch in watches]
        guards = {condition.only for condition in conditions if condition.only}
        self._guards = {guard: self._guards.get(guard) or GuardWatch(guard) for guard in guards}
        metrics = {condition.metric for condition in conditions} | {guard.metric for guard in guards}
        self.names = tuple(sorted(metrics | set(Standing.NEEDED)))

    def expect(self, incidents: Iterable[Incident]) -> None:
        """Open incidents that were there before: their resources are unknown until they turn up, or are gone."""
        for incident in incidents:
            watches = self._watches.get(incident.class_, ())
            condition = expected(incident.labels, [watch.condition for watch in watches])
            for watch in watches:
                if watch.condition == condition and incident.vanished_since is None:
                    watch.expect(incident.resource)

    def changed(self, sight: Sight) -> bool:
        """Whether something that conditions are about is not as it was when this was asked last."""
        wanted = set(self.names) | set(Standing.READ)
        parts = {
            (place, family.name): body
            for place, families in sight.parts.items()
            for family, body in families.items()
            if family.name in wanted
        }
        seen = (parts, dict(sight.own), sight.untried)
        before, self._seen = self._seen, seen
        return seen != before

    def look(self, sight: Sight, now: float) -> tuple[Verdicts, tuple[tuple[str, str], ...]]:
        """The verdict on every resource at effective time ``now``, and those (class, resource) that are gone.

        The mapping of a class is the same object as last time where nothing has changed.
        """
        standing = Standing(sight)
        met: dict[Guard | None, frozenset[Key]] = {None: frozenset()}
        met |= {guard: watch.look(sight, standing) for guard, watch in self._guards.items()}
        found: dict[str, Mapping[str, Verdict]] = {}
        gone: list[tuple[str, str]] = []
        for name, watches in self._watches.items():
            looked = [watch.look(sight, standing, now, met=met[watch.condition.only]) for watch in watches]
            found[name] = verdicts = self._merged(name, [verdicts for verdicts, _ in looked])
            lost = {resource for _, its in looked for resource in its}
            gone += [(name, resource) for resource in sorted(lost) if resource not in verdicts]
        return found, tuple(gone)

    def _merged(self, class_: str, several: list[Mapping[str, Verdict]]) -> Mapping[str, Verdict]:
        kept, merged = self._looks.get(class_, ([], {}))
        if len(kept) != len(several) or any(old is not new for old, new in zip(kept, several, strict=True)):
            merged = _merged(several)
            self._looks[class_] = (several, merged)
        return merged

    def _site(self, labels: Mapping[str, str]) -> Labels:
        source = labels.get("vcenter") or labels.get("cloud", "").partition("/")[0]
        site = self._sites.get(source)
        return (("site", site),) if site else ()


def _merged(several: list[Mapping[str, Verdict]]) -> Mapping[str, Verdict]:
    """The worst verdict on each resource."""
    found: dict[str, Verdict] = {}
    for verdicts in several:
        if not found:
            found = dict(verdicts)
            continue
        for resource, verdict in verdicts.items():
            found[resource] = worse(found.get(resource), verdict)
    return found


def own_series(registry: CollectorRegistry, names: Iterable[str]) -> Mapping[str, tuple[Series, ...]]:
    """The series of these names on the agent's registry."""
    wanted = frozenset(names)
    found: dict[str, list[Series]] = {}
    for metric in registry.restricted_registry(wanted).collect():
        for sample in metric.samples:
            if sample.name in wanted:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return {name: tuple(series) for name, series in found.items()}


def sight(
    registry: CollectorRegistry,
    parts: Mapping[tuple[str, str], Mapping[Family, bytes]],
    *,
    names: Iterable[str],
    untried: frozenset[str] = frozenset(),
) -> Sight:
    """What is exported now, as far as the conditions need it."""
    return Sight(parts, own_series(registry, names), untried)
