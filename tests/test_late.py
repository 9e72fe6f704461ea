"""Late samples are offered in a form that Prometheus takes in, for a while, and never more than fit."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.clock import Clock
from exporter.late import Late, LateSeries
from exporter.model import Family

READY = Family("vsphere_vm_cpu_ready_summation_seconds", "gauge", "Time ready.")
USAGE = Family("vsphere_vm_cpu_usage_average_ratio", "gauge", "CPU usage.")


@dataclass
class Hands:
    """The hands of a clock."""

    seconds: float = 0.0

    def __call__(self) -> float:
        """Now."""
        return self.seconds


def series(family: Family, vm: str, *times: int) -> LateSeries:
    """Samples whose value is a hundredth of their time."""
    before = f'{family.name}{{vm="{vm}"}} '.encode()
    return LateSeries(family, before, tuple(b"%g" % (time / 100) for time in times), times)


def test_page() -> None:
    """Each family once, a series' samples together and in order of time, a sample that came twice once."""
    late = Late(Clock(monotonic=Hands()))
    late.add(series(USAGE, "a", 40, 60))
    late.add(series(READY, "a", 20))
    late.add(series(USAGE, "b", 40))
    late.add(series(USAGE, "a", 20, 40))

    assert b"".join(late.page()).decode() == (
        "# HELP vsphere_vm_cpu_ready_summation_seconds Time ready.\n"
        "# TYPE vsphere_vm_cpu_ready_summation_seconds gauge\n"
        'vsphere_vm_cpu_ready_summation_seconds{vm="a"} 0.2 20\n'
        "# HELP vsphere_vm_cpu_usage_average_ratio CPU usage.\n"
        "# TYPE vsphere_vm_cpu_usage_average_ratio gauge\n"
        'vsphere_vm_cpu_usage_average_ratio{vm="a"} 0.2 20\n'
        'vsphere_vm_cpu_usage_average_ratio{vm="a"} 0.4 40\n'
        'vsphere_vm_cpu_usage_average_ratio{vm="a"} 0.6 60\n'
        'vsphere_vm_cpu_usage_average_ratio{vm="b"} 0.4 40\n'
        "# EOF\n"
    )


def test_offered_for_a_while() -> None:
    """What was offered long enough is gone, family and all; what came later stays."""
    hands = Hands()
    late = Late(Clock(monotonic=hands), keep=100)
    late.add(series(READY, "a", 20))
    hands.seconds = 60
    late.add(series(USAGE, "a", 40))
    hands.seconds = 120

    assert b"".join(late.page()).decode().splitlines()[2:] == [
        'vsphere_vm_cpu_usage_average_ratio{vm="a"} 0.4 40',
        "# EOF",
    ]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.integers(1, 50), min_size=1, unique=True)), max_size=20))
def test_never_more_than_fit(added: list[tuple[str, list[int]]]) -> None:
    """However much comes, the page parses and holds at most the bound, the newest."""
    late = Late(Clock(monotonic=Hands()), most=60)
    for vm, times in added:
        late.add(series(USAGE, vm, *sorted(times)))
    page = b"".join(late.page()).decode()
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]

    assert len(samples) <= 60
    if added:
        vm, times = added[-1]
        assert {(vm, time) for time in times} <= {(one.labels["vm"], int(float(one.timestamp or 0))) for one in samples}
