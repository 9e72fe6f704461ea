"""One look at both clouds becomes the parts of an assessment."""

import pytest

from exporter.assess.seen import Seen, hosts, parts, why
from exporter.canary.last import Last
from exporter.coverage.model import Coverage as CloudCoverage
from exporter.drift.model import Compared, Drift, Unchecked
from exporter.driftkinds import DriftKind
from exporter.trust.model import EdgeTrust, Expiry, Role, Trust
from exporter.ways.model import Governed, Governing, Verdict
from sla.objectives.measured import Drifts, Edge, Gate
from sla.sketch import Sketch

VM = {"path": "/DC0/vm", "moid": "vm-1", "name": "web"}
NOTE = Drift(kind=DriftKind.PORTGROUP_UNUSED, cloud="prod", subject="pg-9", found="is not used", advice="Remove it.")
GRAVE = Drift(
    kind=DriftKind.SWITCH_MISSING, cloud="prod", subject="physnet1", found="has no switch", advice="Make one."
)


def test_every_part() -> None:
    """Notes are no drift; machines of a way are added up; a connection is mutual only where that was seen."""
    seen = Seen(
        compared={
            "prod": Compared(
                drifts=(GRAVE, NOTE),
                counts={(DriftKind.SWITCH_MISSING, "vc1"): 1, (DriftKind.PORTGROUP_UNUSED, "vc1"): 7},
                unchecked=(Unchecked(kinds=(DriftKind.VLAN_MISMATCH,), reason="no networks", vcenter="vc1"),),
            )
        },
        governed=tuple(
            Governed(vcenter, (Governing(verdict=Verdict("nova", "nova.identity"), **VM),), ("nova", "hand"))
            for vcenter in ("vc1", "vc2")
        ),
        edges=(
            EdgeTrust("vcenter", "vc1", "vc1:443", Trust.MUTUAL, expiries=(Expiry(Role.SERVER, 9.0, "CN=vc1"),)),
            EdgeTrust("web", "own", "127.0.0.1:9272", Trust.PLAIN, local=True),
            EdgeTrust("openstack", "prod/nova", "nova:443", None, error="no connection"),
        ),
        gate=Last("r1", "passed", 8, 7, 7, 0.1, (), 5.0, 6.0, 0, "all well"),
        failed=(("vCenter vc2", "no connection"),),
    )
    assert parts(seen) == {
        "coverage": (),
        "drifts": (Drifts("prod", 1, 2, (("physnet1", "has no switch", "Make one."),), ("vc1 no networks",)),),
        "governed": {"nova": 2, "hand": 0},
        "edges": (
            Edge("vcenter vc1", True, 9.0),
            Edge("web own", False, None, local=True),
            Edge("openstack prod/nova", None, None),
        ),
        "gate": Gate("r1", "passed", "all well", 7, 7, 5.0),
        "failed": (("vCenter vc2", "no connection"),),
    }


def test_coverage_keeps_its_score_and_grade() -> None:
    """An empty table has none, and stays unknown."""
    [found] = parts(Seen(covered=(CloudCoverage("prod", (), (), "B+"),)))["coverage"]
    assert (found.cloud, found.score, found.features) == ("prod", None, ())


def test_hosts_recorded_and_now() -> None:
    """Both together; one that only the look or only the record has is there, too."""
    assert hosts(Seen(hosts={"a": 9, "b": 1}), {"a": Sketch.of([8]), "c": Sketch.of([3])}) == {
        "a": Sketch.of([8, 9]),
        "b": Sketch.of([1]),
        "c": Sketch.of([3]),
    }


@pytest.mark.parametrize(
    ("edges", "reason"),
    [
        (None, "the connections were not looked at"),
        ((), "no connection has a certificate"),
        ((EdgeTrust("vcenter", "vc1", "vc1:443", None, error="timed out"),), "vc1: timed out"),
    ],
)
def test_why_trust_is_not_known(edges: tuple[EdgeTrust, ...] | None, reason: str) -> None:
    """Nobody looked, nothing to look at, or what went wrong."""
    assert why(Seen(edges=edges))["edges"] == reason
