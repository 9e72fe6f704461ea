"""Probes of the APIs: each is asked once, and its outcome is by class."""

from collections.abc import Iterator

from exporter.clock import Clock
from exporter.errors import LoginRefused, NotAuthenticated, SourceError, TimedOut
from exporter.openstack.cloud import ApiFault, NotOffered, Reply
from exporter.openstack.probe import Probe, probe_apis

ERRORS: dict[str, SourceError] = {
    "compute": ApiFault("computeFault", "no", code=500),
    "block-storage": NotOffered("no"),
    "network": TimedOut("no"),
    "image": ApiFault("overLimit", "no", code=429, retry_after=7),
}


class Cloud:
    """Answers as ``errors`` says, and else well within a quarter of a second."""

    def __init__(self, errors: dict[str, SourceError]) -> None:
        self.errors = errors
        self.asked: list[tuple[str, str]] = []

    async def microversion(self, service: str) -> tuple[int, int] | None:
        """Nobody asks."""
        raise AssertionError(service)

    async def get(self, service: str, path: str) -> Reply:
        """The reply to a GET."""
        self.asked.append((service, path))
        if service in self.errors:
            raise self.errors[service]
        return Reply(b"{}", None, 0.25)


def ticking() -> Clock:
    """A clock on which every look takes a second."""
    ticks: Iterator[int] = iter(range(1000))
    return Clock(monotonic=lambda: float(next(ticks)))


async def test_outcomes() -> None:
    """Every API has its own outcome; a good answer counts with its own time."""
    cloud = Cloud(ERRORS)

    found = await probe_apis(cloud, clock=ticking())

    assert [(probe.api, probe.outcome, probe.error) for probe in found] == [
        ("keystone", "ok", None),
        ("nova", "server_error", ERRORS["compute"]),
        ("cinder", "absent", ERRORS["block-storage"]),
        ("neutron", "timeout", ERRORS["network"]),
        ("glance", "rate_limited", ERRORS["image"]),
    ]
    assert found[0] == Probe("keystone", "ok", 0.25)
    assert found[3].seconds == 1.0
    assert [service for service, _ in cloud.asked] == ["identity", "compute", "block-storage", "network", "image"]


async def test_all_fail_alike_without_a_token() -> None:
    """Where no token is to be had, that is what each probe says."""
    error = LoginRefused("no")

    found = await probe_apis(
        Cloud(dict.fromkeys(("identity", "compute", "block-storage", "network", "image"), error)), clock=ticking()
    )

    assert {probe.outcome for probe in found} == {"login_refused"}


def test_classes_of_faults() -> None:
    """The classes that an API's own errors have."""
    codes = (400, 401, 403, 404, 409, 413, 429, 500, 503)
    classes = [ApiFault("a", "b", code=code).outcome for code in codes]

    assert classes == [
        "fault",
        "not_authenticated",
        "forbidden",
        "not_found",
        "fault",
        "fault",
        "rate_limited",
        "server_error",
        "server_error",
    ]
    assert NotAuthenticated("a", "b").outcome == "not_authenticated"
