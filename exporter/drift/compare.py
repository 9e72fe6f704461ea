"""A world -> what does not fit in it: every check that can be made, and why the others cannot. Pure.

What is unknown is never a drift: a check whose facts are not all known is not made, and its kinds have no count.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from exporter.drift import computes, portgroups, storage, switches
from exporter.drift.checks import CloudCheck, Found, Needs, SiteCheck
from exporter.drift.model import MOST, Compared, Drift, Scope, Unchecked, World
from exporter.drift.plan import Plan
from exporter.drift.site import Site
from exporter.drift.words import ADVICE
from exporter.driftkinds import DriftKind
from exporter.openstack.networkmodel import NetworkReading
from exporter.openstack.services import Outcome, Reading

SITE_CHECKS: tuple[SiteCheck, ...] = (
    *switches.SITE_CHECKS,
    *portgroups.SITE_CHECKS,
    *storage.SITE_CHECKS,
    *computes.SITE_CHECKS,
)
CLOUD_CHECKS: tuple[CloudCheck, ...] = (*switches.CLOUD_CHECKS, *storage.CLOUD_CHECKS, *computes.CLOUD_CHECKS)

_RANK = {kind: rank for rank, kind in enumerate(DriftKind)}
_ADMIN = "give the user the role admin, or change Neutron's policy"


def compare(world: World) -> Compared:
    """What does not fit. The work is linear in networks, ports and the inventory."""
    return _Comparison(world).run()


class _Comparison:
    """One comparison under way."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._plan = Plan(world)
        self._lacking = _lacking(world, self._plan)
        self._drifts: list[Drift] = []
        self._counts: dict[Scope, int] = {}
        self._unchecked: dict[tuple[str, str], dict[DriftKind, None]] = {}

    def run(self) -> Compared:
        """Makes every check."""
        for check in CLOUD_CHECKS:
            sites = [site for site in self._world.sites.values() if site is not None]
            if not self._is_left_out(check, sites):
                self._take(check.kinds, check.needs, find=lambda check=check: check.find(self._plan))  # type: ignore[misc]
        for name, site in self._world.sites.items():
            for each in SITE_CHECKS:
                if site is None:
                    self._cannot(each.kinds, f"vCenter {name} is not listed now", vcenter=name)
                    continue
                if self._is_left_out(each, [site]):
                    continue
                self._take(
                    each.kinds,
                    each.needs,
                    vcenter=name,
                    find=lambda each=each, site=site: each.find(self._plan, site),  # type: ignore[misc]
                )
        self._drifts.sort(key=lambda drift: (_RANK[drift.kind], drift.vcenter, drift.subject, drift.found))
        return Compared(
            drifts=tuple(self._drifts[:MOST]),
            counts=self._counts,
            unchecked=tuple(
                Unchecked(kinds=tuple(kinds), reason=reason, vcenter=vcenter)
                for (reason, vcenter), kinds in self._unchecked.items()
            ),
        )

    def _take(
        self, kinds: Iterable[DriftKind], needs: Needs, *, find: Callable[[], Iterable[Found]], vcenter: str = ""
    ) -> None:
        wanted = [kind for kind in kinds if kind not in self._world.mapping.ignore]
        reason = next((words for need, words in self._lacking.items() if need in needs), None)
        if reason is not None:
            self._cannot(wanted, reason)
            return
        self._counts.update({(kind, vcenter): 0 for kind in wanted})
        for kind, subject, found in find() if wanted else ():
            if kind in wanted:
                self._counts[kind, vcenter] += 1
                self._drifts.append(
                    Drift(
                        kind=kind,
                        cloud=self._world.cloud,
                        vcenter=vcenter,
                        subject=subject,
                        found=found,
                        advice=ADVICE[kind],
                    )
                )

    def _is_left_out(self, check: CloudCheck | SiteCheck, sites: Iterable[Site]) -> bool:
        """Whether some of what it reads is left out in the configuration; that is said, then."""
        for site in sites:
            kinds = ", ".join(sorted(kind.value for kind in check.reads & site.partial))
            if kinds:
                self._cannot(check.kinds, f"objects of vCenter {site.name} leaves some out: {kinds}", vcenter=site.name)
                return True
        return False

    def _cannot(self, kinds: Iterable[DriftKind], reason: str, *, vcenter: str = "") -> None:
        wanted = {kind: None for kind in kinds if kind not in self._world.mapping.ignore}
        if wanted:
            self._unchecked.setdefault((reason, vcenter), {}).update(wanted)


def _lacking(world: World, plan: Plan) -> Mapping[Needs, str]:
    """What is not known or not configured, and why."""
    # Without hypervisors it is unknown whose ports to ask for.
    unknown = None if world.hypervisors is not None else "Nova's hypervisors are not read"
    found: dict[Needs, str | None] = {
        Needs.NETWORKS: _unread_networks(world.networks),
        Needs.PORTS: _unread_ports(world.networks) or unknown,
        Needs.HYPERVISORS: unknown,
        Needs.ALL_SITES: _unlisted(world),
        Needs.CLUSTERS: None if plan.mapping.clusters else "mapping.clusters of the cloud names none",
        Needs.BACKENDS: None if plan.mapping.cinder_backends else "mapping.cinder_backends of the cloud names none",
        Needs.STORES: None if _has_regex(plan) else "mapping of the cloud has no datastore_regex",
    }
    unmapped = "mapping.physical_networks of the cloud names none, and no agent of Neutron on VMware tells any"
    found[Needs.SWITCHES] = None if plan.switches else unmapped
    return {need: reason for need, reason in found.items() if reason is not None}


def _has_regex(plan: Plan) -> bool:
    mapping = plan.mapping
    return mapping.datastore_regex is not None or any(cluster.datastore_regex for cluster in mapping.clusters)


def _unlisted(world: World) -> str | None:
    absent = [name for name, site in world.sites.items() if site is None]
    if not world.sites:
        return "the cloud has no vCenter here; name them in vcenters of the cloud"
    return f"vCenter {', '.join(absent)} is not listed now" if absent else None


def _unread_networks(seen: NetworkReading | None) -> str | None:
    reason = _unread(None if seen is None else seen.networks, "networks")
    if reason is not None or seen is None or not seen.networks.value:
        return reason
    hidden = all(network.segments is None for network in seen.networks.value)
    return f"Neutron does not show physical networks and VLANs to this user; {_ADMIN}" if hidden else None


def _unread_ports(seen: NetworkReading | None) -> str | None:
    # Whoever may not see the provider attributes sees no binding either, and with the filter no ports at all.
    return _unread_networks(seen) or _unread(None if seen is None else seen.ports, "ports")


def _unread(read: Reading[Any] | None, what: str) -> str | None:
    if read is None:
        return "Neutron is not read yet"
    if read.outcome is Outcome.OK:
        return None
    if read.outcome is Outcome.ABSENT:
        return "the cloud has no Neutron"
    if read.outcome is Outcome.FORBIDDEN:
        return f"this user may not list Neutron's {what}; {_ADMIN}"
    return f"Neutron's {what} cannot be read: {read.error}"
