"""The section ``mapping`` of a cloud: every way to write it, and every mistake by its line."""

from pathlib import Path

import pytest

from exporter.config import CloudMapping, MappedBackend, MappedCluster
from exporter.configfile import load
from exporter.errors import ConfigError

HEAD = """\
vcenters: [{name: vc1, url: https://vc1.example/sdk, username: u, password_env: P}]
clouds:
  - name: c1
    cloud: c1
    vcenters: [vc1]
    mapping:
"""


def read(folder: Path, section: str) -> CloudMapping:
    """What a section says."""
    (folder / "novacenter.yml").write_text(HEAD + "".join(f"      {line}\n" for line in section.splitlines()))
    return load(folder / "novacenter.yml", environ={"P": "x"}).clouds[0].mapping


WHOLE = """\
physical_networks: {physnet1: dvSwitch1, physnet2: [dvSwitch2, dvSwitch 3]}
clusters: [{name: 'Prod [A]', datastore_regex: 'nas-a.*'}, Edge]
datastore_regex: nas.*
cinder_backends:
  - {name: vmdk, datastores: [nas-1], datastore_regex: 'vol.*', clusters: [Edge]}
nsx: false
overlay_switches: [tep]
ignore: [portgroup_unused, security_groups_unenforced]
"""


def test_the_whole_section(tmp_path: Path) -> None:
    """Every key."""
    assert read(tmp_path, WHOLE) == CloudMapping(
        physical_networks={"physnet1": ("dvSwitch1",), "physnet2": ("dvSwitch2", "dvSwitch 3")},
        clusters=(MappedCluster("Prod [A]", "nas-a.*"), MappedCluster("Edge")),
        datastore_regex="nas.*",
        cinder_backends=(MappedBackend("vmdk", ("nas-1",), "vol.*", clusters=("Edge",)),),
        nsx=False,
        overlay_switches=("tep",),
        ignore=("portgroup_unused", "security_groups_unenforced"),
    )


@pytest.mark.parametrize(
    "written",
    [
        "physical_networks: 'physnet1:dvSwitch1, physnet 2:dvSwitch2,physnet1:dvSwitch3'",
        "physical_networks: ['physnet1:dvSwitch1', 'physnet 2:dvSwitch2,physnet1:dvSwitch3']",
    ],
)
def test_networks_as_the_drivers_have_them(tmp_path: Path, written: str) -> None:
    """``network_maps`` may be copied as it is; one that is there twice has several switches."""
    assert read(tmp_path, written).physical_networks == {
        "physnet1": ("dvSwitch1", "dvSwitch3"),
        "physnet 2": ("dvSwitch2",),
    }


def test_nothing_is_the_default(tmp_path: Path) -> None:
    """An empty section is none."""
    assert read(tmp_path, "{}") == CloudMapping()


WRONG = (
    ("physical_network: {}", "mapping.physical_network: unknown key; did you mean physical_networks?"),
    (
        "physical_networks: physnet1",
        "mapping.physical_networks: holds something else than PHYSICAL_NETWORK:SWITCH; write physnet1:dvSwitch1",
    ),
    (
        "datastore_regex: 'a('",
        "mapping.datastore_regex: is no regular expression; copy it from nova.conf or cinder.conf",
    ),
    (f"datastore_regex: {'a' * 501}", "mapping.datastore_regex: is longer than 500 characters; write a shorter one"),
    (
        "clusters: [{datastore_regex: a}]",
        "mapping.clusters[0].name: is missing; add cluster_name of nova.conf",
    ),
    (
        "cinder_backends: [{datastores: [a]}]",
        "mapping.cinder_backends[0].name: is missing; add the backend's name in cinder.conf",
    ),
    (
        "cinder_backends: [{name: a}]",
        "mapping.cinder_backends[0]: names no datastore; add datastores or datastore_regex",
    ),
    (
        "ignore: [vlan_mismatched]",
        "mapping.ignore[0]: is no kind of drift; did you mean vlan_mismatch?",
    ),
)


@pytest.mark.parametrize(("written", "problem"), WRONG)
def test_mistakes(tmp_path: Path, written: str, problem: str) -> None:
    """One sentence, with the line, the key, and what to do."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, written)
    assert str(caught.value) == f"{tmp_path / 'novacenter.yml'}:7: clouds[0].{problem}"
