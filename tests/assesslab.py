"""A fixed measurement of an integration: every row of the reference figures has something to say."""

import random
from dataclasses import replace
from importlib.resources import files

from sla.objectives.measured import (
    Builds,
    BusyDisk,
    Calls,
    Costs,
    Coverage,
    DiskLatency,
    DiskLoad,
    Drifts,
    Edge,
    Feature,
    Gate,
    Hours,
    Incidents,
    Measured,
)
from sla.objectives.model import Past
from sla.objectives.objectivefile import Standard, read
from sla.sketch import Sketch

AT = 1_795_392_000.0
"""2026-11-23 00:00 UTC."""
DAY = 86400.0


def standard() -> Standard:
    """The file of the product."""
    return read(files("sla").joinpath("data", "objectives.yml").read_text(encoding="utf-8"), "objectives.yml")


def nothing() -> Measured:
    """An agent that was just installed."""
    return Measured(at=AT, start=AT - 30 * DAY)


def drawn(seed: int, *, middle: float, spread: float, n: int) -> Sketch:
    """Values about a median, skewed to the right as durations are."""
    rng = random.Random(seed)
    return Sketch.of(middle * rng.lognormvariate(0.0, spread) for _ in range(n))


def everything() -> Measured:
    """A month of two vCenters and a cloud."""
    return replace(
        nothing(),
        days=30,
        calls=_calls(),
        hosts={"berlin": Sketch.of([412, 418]), "munich": Sketch.of([96])},
        builds=_builds(),
        hours=tuple(
            Hours("prod", f"2026-11-{day:02d}", Sketch.of([0, 12 + day * 7 % 60, 140 if day == 17 else 20]))
            for day in range(1, 23)
        ),
        disks=_disks(),
        latencies=_latencies(),
        busy=_busy(),
        cpu={"berlin": drawn(31, middle=0.52, spread=0.26, n=9000), "munich": drawn(32, middle=0.2, spread=0.3, n=900)},
        coverage=(Coverage("prod", 0.79, "B+", 0.9, FEATURES),),
        incidents=(
            Incidents("api_communication", (240.0, 2460.0, 61.0), breached=1, open=0, observed=29.5 * DAY),
            Incidents("storage_connection", (), breached=0, open=0, observed=29.5 * DAY),
        ),
        gate=Gate("2026.11", "running", "day 3 of 7: all checks hold so far", 3, 7, AT - 3600),
        drifts=(Drifts("prod", 2, 21, DRIFTS, ("berlin: its datastores may not be read",)),),
        edges=(
            Edge("vCenter berlin", mutual=True, expires=AT + 41.5 * DAY),
            Edge("vCenter munich", mutual=False, expires=AT + 212 * DAY),
            Edge("cloud prod", mutual=False, expires=AT + 88 * DAY),
            Edge("state", mutual=None, expires=None),
            Edge("web 127.0.0.1:9272", mutual=False, expires=None, local=True),
        ),
        costs=costs(vms=640.0),
        governed={"nova": 590, "terraform": 32, "hand": 18, "ansible": 0},
        before={
            ("vcenter_latency", "berlin"): Past(AT - DAY, 0.131),
            ("vcenter_hosts", "berlin"): Past(AT - DAY, 418.0),
            ("creation_overhead", "prod"): Past(AT - DAY, 1.71),
        },
    )


def costs(*, vms: float | None) -> Costs:
    """The figures of the analysis."""
    said = standard()
    return Costs(said.ways, said.use, vms, "measured", said.hours, said.years, said.currency)


FEATURES = (
    Feature("Live migration", "works", "vMotion within a cluster", "", "driver"),
    Feature("Security groups", "missing", "no NSX, and no other back end", "Enforce them with NSX-T.", "api"),
    Feature("Networks", "by_hand", "port groups are made in vCenter", "Let NSX make them.", "seen"),
    Feature("Snapshots", "works", "seen within the last day", "", "seen"),
    Feature("Volume attach", "unknown", "Cinder may not be read", "Give the user a reader's role.", "none"),
)
DRIFTS = (
    ("physnet2", "its switch dvSwitch9 is in no vCenter", "Correct [ml2_type_vlan] or make the switch."),
    ("net-blue", "VLAN 120 in Neutron, 121 on its port group", "Set the VLAN of the port group to 120."),
)


def _calls() -> tuple[Calls, ...]:
    rows = (
        ("berlin", "CurrentTime", True, 0.142),
        ("berlin", "QueryOptions", True, 0.16),
        ("berlin", "QueryPerf", False, 0.9),
        ("munich", "CurrentTime", True, 0.31),
        ("munich", "QueryPerf", False, 1.4),
    )
    return tuple(
        Calls(vcenter, operation, light, drawn(n, middle=middle, spread=0.4, n=2000))
        for n, (vcenter, operation, light, middle) in enumerate(rows)
    )


def _builds() -> tuple[Builds, ...]:
    rows = (
        ("vmware", "m1.large", 71.0, 60),
        ("native", "m1.large", 38.0, 40),
        ("vmware", "m1.small", 52.0, 150),
        ("native", "m1.small", 31.0, 44),
        ("vmware", "m1.huge", 160.0, 9),
        ("native", "m1.huge", 90.0, 2),
    )
    return tuple(
        Builds("prod", kind, flavor, drawn(100 + n, middle=middle, spread=0.25, n=count))
        for n, (kind, flavor, middle, count) in enumerate(rows)
    )


def _disks() -> tuple[DiskLoad, ...]:
    return tuple(
        DiskLoad("berlin", backing, "read", Sketch.of([20, 300, most]), Sketch.of([8e4, most * 4096.0]))
        for backing, most in (("vmdk", 13100), ("rdm", 4200))
    )


def _latencies() -> tuple[DiskLatency, ...]:
    rows = (("vmdk", "64", 0.0021), ("rdm", "64", 0.0015), ("vmdk", "512", 0.0034), ("rdm", "512", 0.0026))
    return tuple(
        DiskLatency("berlin", backing, "read", load, drawn(200 + n, middle=middle, spread=0.5, n=400))
        for n, (backing, load, middle) in enumerate(rows)
    )


def _busy() -> tuple[BusyDisk, ...]:
    rng = random.Random(9)
    return tuple(
        BusyDisk(
            "berlin",
            backing,
            f"db-{n:02d}",
            "Hard disk 1",
            Sketch.of([rng.lognormvariate(5, 1.1)]),
            Sketch.of([rng.lognormvariate(-6 if backing == "vmdk" else -6.3, 0.4)]),
        )
        for n, backing in enumerate(["vmdk"] * 22 + ["rdm"] * 9)
    )
