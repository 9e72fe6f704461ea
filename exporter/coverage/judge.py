"""What a cloud offers on VMware, judged feature by feature: the best evidence that there is decides. Pure."""

from collections.abc import Iterable
from typing import Any

from exporter.coverage.checks import CHECKS, Found
from exporter.coverage.model import Catalogue, Coverage, Evidence, Feature, Item, Outcomes, Sight, State
from exporter.openstack.services import Outcome, Reading

NETWORKS = frozenset({"overlay", "security_groups", "port_security", "network_sync"})
"""Checks that need to know whether Neutron has NSX below it."""

ENOUGH = 3
"""Failures without a success after which something is said not to work: one or two may have causes of their own."""


def judged(cloud: str, sight: Sight, catalogue: Catalogue) -> Coverage:
    """The table of a cloud. Without VMware hosts nothing can be said of what is offered there."""
    items = tuple(_item(feature, sight) for feature in catalogue.features)
    return Coverage(cloud, items, catalogue.grades, catalogue.reference)


def _item(feature: Feature, sight: Sight) -> Item:
    found = _found(feature, sight)
    return Item(
        feature=feature.name,
        title=feature.title,
        weight=feature.weight,
        state=found.state,
        evidence=found.evidence,
        found=found.words,
        advice=_advice(feature, found),
    )


def _advice(feature: Feature, found: Found) -> str:
    if found.state is State.WORKS:
        return ""
    return feature.advice if found.state is not State.UNKNOWN else "see that it can be read, and by this user"


def _found(feature: Feature, sight: Sight) -> Found:
    if sight.hosts.value is None:
        return _unknown(f"hypervisors cannot be read: {why(sight.hosts)}")
    if not sight.hosts.value:
        return Found(State.UNKNOWN, Evidence.NONE, "the cloud has no VMware hypervisor")
    check = CHECKS[feature.check](sight) if feature.check else None
    seen = _seen(feature, sight)
    if seen is not None:
        # What is there now proves that it works, however often somebody failed at it.
        return check if check and check.evidence is Evidence.SEEN and seen.state is State.MISSING else seen
    return check or _trait(feature, sight.traits) or _driver(feature, sight) or _unknown(_reasons(feature, sight))


def _seen(feature: Feature, sight: Sight) -> Found | None:
    counted = _sum(sight.done[name] for name in feature.operations if name in sight.done)
    moved = sight.migrations.value or {}
    listed = _sum(moved[name] for name in feature.operations if name in moved)
    # Both may have seen the same operation, so that they are not added.
    best = max(counted, listed, key=lambda one: (one.ok, one.failed))
    if best.ok:
        return Found(State.WORKS, Evidence.SEEN, f"{best.ok} of {best.ok + best.failed} succeeded on VMware hosts")
    if best.failed >= ENOUGH:
        return Found(State.MISSING, Evidence.SEEN, f"all {best.failed} failed on VMware hosts")
    return None


def _sum(found: Iterable[Outcomes]) -> Outcomes:
    listed = list(found)
    return Outcomes(sum(one.ok for one in listed), sum(one.failed for one in listed))


def _trait(feature: Feature, traits: Reading[frozenset[str]]) -> Found | None:
    if not feature.trait or traits.value is None:
        return None
    if feature.trait in traits.value:
        return Found(State.WORKS, Evidence.API, f"every VMware hypervisor has the trait {feature.trait}")
    return Found(State.MISSING, Evidence.API, f"not every VMware hypervisor has the trait {feature.trait}")


def _driver(feature: Feature, sight: Sight) -> Found | None:
    """What is known of the driver of this release; of an unknown one only what holds for all of them."""
    version = sight.version
    known = [one for one in feature.driver if version is None or one.since <= version <= one.until]
    if len(known) != 1:
        return None
    return Found(known[0].state, Evidence.DRIVER, f"known of Nova's VMware driver: {known[0].source}")


def _reasons(feature: Feature, sight: Sight) -> str:
    network = sight.network.extensions if sight.network else None
    readings: dict[str, Reading[Any] | None] = {"placement": sight.traits, "zones": sight.zones, "volumes": sight.pools}
    reading = readings.get(feature.check, network if feature.check in NETWORKS else None)
    if reading is None or reading.value is not None:
        return (
            "the vCenter of these clusters is not read here, or does not tell"
            if feature.check == "host_failover"
            else "not told"
        )
    return f"cannot be read: {why(reading)}"


def _unknown(words: str) -> Found:
    return Found(State.UNKNOWN, Evidence.NONE, words)


def why(reading: Reading[Any]) -> str:
    """Why there is no value, in the words of who refused it."""
    if reading.error is not None:
        return str(reading.error)
    return "not read yet" if reading.outcome is Outcome.ABSENT else reading.outcome.value
