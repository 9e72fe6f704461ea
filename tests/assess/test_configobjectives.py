"""The section ``objectives`` of the configuration."""

from pathlib import Path

import pytest

from exporter.config import Config
from exporter.configfile import load
from exporter.configobjectives import standard
from exporter.errors import ConfigError
from sla.objectives import settings
from sla.objectives.settings import CostWishes, WayWish, Wish, Wishes

SOURCE = "clouds: [{name: c1, cloud: envvars}]\n"


def loaded(tmp_path: Path, section: str) -> Config:
    """The configuration with this section."""
    path = tmp_path / "novacenter.yml"
    path.write_text(SOURCE + section)
    return load(path, environ={})


def test_everything_that_may_be_said(tmp_path: Path) -> None:
    """Targets in the unit of their objective, references as a figure or a band, and what ways cost."""
    found = loaded(
        tmp_path,
        """\
objectives:
  vcenter_latency: {target: 200ms, reference: [100ms, 200ms], least: 5}
  vcenter_hosts: {target: 400}
  host_cpu: {target: 0.01}
  creation_overhead: {reference: 1.2}
  costs:
    currency: EUR
    use: proxied_pool
    vms: 300
    hours: 8000
    years: 3
    ways:
      nova_driver: {first: 10000}
      proxied_pool: {title: vCenter as a proxied pool, first: 5000, yearly: 4000}
""",
    ).objectives
    assert found == Wishes(
        objectives={
            "vcenter_latency": Wish(target=0.2, reference=(0.1, 0.2), least=5),
            "vcenter_hosts": Wish(target=400.0),
            "host_cpu": Wish(target=0.01),
            "creation_overhead": Wish(reference=(1.2, 1.2)),
        },
        costs=CostWishes(
            ways={
                "nova_driver": WayWish(first=10000.0),
                "proxied_pool": WayWish("vCenter as a proxied pool", 5000.0, 4000.0),
            },
            use="proxied_pool",
            vms=300.0,
            hours=8000.0,
            years=3.0,
            currency="EUR",
        ),
    )


def test_what_is_said_goes_before_the_reference_figures(tmp_path: Path) -> None:
    """What is not said stays as it is; a reference of one's own says where it is from."""
    wishes = loaded(
        tmp_path,
        "objectives:\n  vcenter_latency: {target: 0.2}\n  vcenter_hosts: {reference: 300}\n"
        "  costs: {vms: measured, ways: {middleware: {yearly: 1}}}\n",
    ).objectives
    found = {one.name: one for one in settings.objectives(standard(), wishes)}
    assert (found["vcenter_latency"].target, found["vcenter_latency"].reference) == (0.2, (0.12, 0.25))
    hosts = found["vcenter_hosts"]
    assert (hosts.target, hosts.said, hosts.source) == (500.0, "300 hosts, as configured", "configuration")
    costs = settings.costs(standard(), wishes.costs, vms=12.0)
    assert [(way.name, way.first, way.yearly, way.source == "configuration") for way in costs.ways] == [
        ("nova_driver", 15000, 8000, False),
        ("middleware", 50000, 1, True),
    ]
    assert (costs.vms, costs.counted, costs.use) == (12.0, "measured", "nova_driver")


def test_nothing_said(tmp_path: Path) -> None:
    """Without the section the figures are those of the product."""
    assert loaded(tmp_path, "").objectives == Wishes()
    assert settings.objectives(standard(), Wishes()) == standard().objectives


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        (
            "  vcenter_latencies: {target: 1}",
            "3: objectives.vcenter_latencies: unknown key; did you mean vcenter_latency?",
        ),
        ("  vcenter_latency: {target: soon}", "3: objectives.vcenter_latency.target: is not a time; "),
        ("  host_cpu: {target: 5}", "3: objectives.host_cpu.target: is not a share; "),
        ("  vcenter_hosts: {target: many}", "3: objectives.vcenter_hosts.target: is not a number; "),
        ("  vcenter_hosts: {goal: 1}", "3: objectives.vcenter_hosts.goal: unknown key; "),
        ("  vcenter_latency: {reference: [1s, 2s, 3s]}", "3: objectives.vcenter_latency.reference: is no band; "),
        ("  vcenter_latency: {reference: [2s, 1s]}", "3: objectives.vcenter_latency.reference: is no band; "),
        ("  costs: {use: terraform}", "3: objectives.costs.use: is not a way; use one of: middleware, nova_driver"),
        ("  costs: {ways: {pool: {first: 1}}}", "3: objectives.costs.ways.pool.yearly: is missing; "),
        ("  costs: {vms: 0}", "3: objectives.costs.vms: is no number of machines; "),
        ("  costs: {hours: 9000}", "3: objectives.costs.hours: are not hours of a year; "),
        ("  costs: {years: 0}", "3: objectives.costs.years: is out of range; "),
    ],
)
def test_errors_name_file_line_and_key(tmp_path: Path, section: str, problem: str) -> None:
    """And say what to write."""
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, f"objectives:\n{section}\n")
    assert f"novacenter.yml:{problem}" in str(raised.value)
