"""The inventory as metrics: every family, its rows, and what is left out because nobody knows it."""

import subprocess
from collections.abc import Callable

import pytest
from externals import require
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from vcenter.test_inventory import whole

from exporter import catalog
from exporter.exposition import Format, lines, page
from exporter.model import Entity, Kind, Row
from exporter.vcenter.facts import DatastoreFacts, Facts, HostFacts, TriggeredAlarm, VmFacts
from exporter.vcenter.families import rows, rows_of
from exporter.vcenter.inventory import Inventory

Golden = Callable[[str, str], None]


def exposition(inventory: Inventory) -> str:
    """The inventory's part of the page, in text format."""
    bodies = {family: lines(family, found) for family, found in rows(inventory, "vc1").items()}
    return b"".join(page([bodies], Format.TEXT)).decode()


def told(entity: Entity, facts: Facts) -> dict[str, list[Row]]:
    """The rows of one entity, by family name."""
    found: dict[str, list[Row]] = {}
    for family, row in rows_of(entity, facts, "vc1"):
        found.setdefault(family.name, []).append(row)
    return found


def entity(kind: Kind, moid: str = "x-1", name: str = "n") -> Entity:
    """An entity without labels."""
    return Entity(moid, kind, "Type", name)


def test_the_whole_page(golden: Golden) -> None:
    """Every family that the handwritten vCenter can feed, in full."""
    golden("inventory.prom", exposition(whole()))


def test_every_family_is_fed() -> None:
    """The handwritten vCenter has something to say in each family of the catalogue."""
    assert {family.name for family in catalog.every_family()} == {family.name for family in rows(whole(), "vc1")}


def test_names_and_help_are_in_order() -> None:
    """One name is one family; help is a sentence; the unit is the end of the name; no gauge is called a total."""
    families = catalog.every_family()
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.help.endswith(".")
        assert family.help[0].isupper() or family.help[0] == "1"
        assert family.name.endswith(family.unit)
        assert family.name.endswith("_info") == (family.kind == "info")
        assert not family.name.endswith("_total")


def test_promtool_has_no_complaint() -> None:
    """`promtool check metrics` says nothing about our names, types and help."""
    promtool = require("promtool")
    found = subprocess.run(
        [promtool, "check", "metrics"], input=exposition(whole()), capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_prometheus_reads_it_back() -> None:
    """client_python finds the same samples, and none twice."""
    found = [
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(exposition(whole()))
        for sample in family.samples
    ]
    expected = [
        (family.name, tuple(sorted(row.labels)), row.value)
        for family, its in rows(whole(), "vc1").items()
        for row in its
    ]
    assert sorted(found) == sorted(expected)
    assert len({(name, labels) for name, labels, _ in found}) == len(found)


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_unknown_has_no_row(kind: Kind) -> None:
    """Nothing but that it exists is said of an entity of which nothing is known."""
    makers = {Kind.VM: VmFacts, Kind.HOST: HostFacts, Kind.DATASTORE: DatastoreFacts}
    if kind not in {Kind.DATACENTER, Kind.FOLDER, *makers}:
        makers[kind] = type(next(f for m, f in whole().facts.items() if whole().entities[m].kind is kind))
    assert told(entity(kind), makers.get(kind, Facts)()) == {
        f"vsphere_{kind.value}_info": [Row((("vcenter", "vc1"), ("moid", "x-1"), (kind.value, "n")), 1.0)]
    }


def test_alarms_are_counted_by_severity() -> None:
    """Two of one kind and one of another; one that is listed twice is one."""
    alarms = (
        TriggeredAlarm("CPU", "red", 5.5, False),
        TriggeredAlarm("CPU", "red", 5.5, False),
        TriggeredAlarm("Memory", "red", None, None),
        TriggeredAlarm("Disk", "yellow", 7.0, True),
    )
    base = (("vcenter", "vc1"), ("kind", "folder"), ("moid", "x-1"), ("entity", "n"))
    found = told(entity(Kind.FOLDER), Facts(alarms=alarms))
    assert found["vsphere_alarms"] == [
        Row((*base, ("severity", "red")), 2.0),
        Row((*base, ("severity", "yellow")), 1.0),
    ]
    assert [row.labels[4:] for row in found["vsphere_alarm_info"]] == [
        (("alarm", "CPU"), ("severity", "red"), ("acknowledged", "false")),
        (("alarm", "Memory"), ("severity", "red")),
        (("alarm", "Disk"), ("severity", "yellow"), ("acknowledged", "true")),
    ]
    assert [row.value for row in found["vsphere_alarm_triggered_timestamp_seconds"]] == [5.5, 7.0]


@pytest.mark.parametrize(
    ("state", "running"),
    [("guestToolsRunning", 1.0), ("guestToolsExecutingScripts", 1.0), ("guestToolsNotRunning", 0.0)],
)
def test_tools_run_or_not(state: str, running: float) -> None:
    """Tools that execute scripts run."""
    found = told(entity(Kind.VM), VmFacts(tools_running=state))
    assert [row.value for row in found["vsphere_vm_tools_running"]] == [running]


def test_zero_and_false_are_values() -> None:
    """They are said, where None is not."""
    found = told(entity(Kind.DATASTORE), DatastoreFacts(accessible=False, free_bytes=0))
    assert [row.value for row in found["vsphere_datastore_accessible"]] == [0.0]
    assert [row.value for row in found["vsphere_datastore_free_bytes"]] == [0.0]
    assert "vsphere_datastore_provisioned_bytes" not in found


@given(st.text(), st.text(min_size=1), st.dictionaries(st.text(min_size=1), st.text(), max_size=3))
def test_any_name_survives(name: str, moid: str, attributes: dict[str, str]) -> None:
    """Quotes, backslashes, line feeds and any character, in names, ids and attributes."""
    found = rows(
        Inventory(
            entities={moid: entity(Kind.VM, moid, name)},
            facts={moid: VmFacts(attributes=attributes)},
        ),
        "vc1",
    )
    for family in (catalog.INFO[Kind.VM], catalog.CUSTOM_ATTRIBUTE):
        its = found.get(family, [])
        text = b"".join(page([{family: lines(family, its)}], Format.TEXT)).decode(errors="surrogatepass")
        back = [sample.labels for each in text_string_to_metric_families(text) for sample in each.samples]
        assert back == [dict(row.labels) for row in its]
