"""``novacenter drift`` against the real Nova and Neutron: what fits, and a VLAN that somebody changes in vSphere."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from e2e.openstack.agent import ROOT
from e2e.openstack.cloud import Cloud
from e2e.openstack.lab import VCENTER, Lab

pytestmark = [pytest.mark.external, pytest.mark.timeout(300)]

_CONFIG = """\
listen: 127.0.0.1:0
state: {state}
vcenters:
  - name: vc1
    url: {vcenter}/sdk
    username: nova@vsphere.local
    password_env: LAB_PASSWORD
    tls: {{insecure: true}}
clouds:
  - name: lab
    auth_url: {auth_url}
    username: {user}
    password_env: LAB_PASSWORD
    project_name: {project}
    region: {region}
    vcenters: [vc1]
    mapping:
      physical_networks: {{lab-net: {switch}, lab-slow-net: DVS0, lab-fail-net: DVS0}}
      clusters: [{{name: DC0_C0, datastore_regex: LocalDS_.*}}]
"""


class Drift:
    """The command with a mapping of the lab."""

    def __init__(self, folder: Path, lab: Lab) -> None:
        self._folder = folder
        self._lab = lab

    def __call__(self, user: str | None = None, *, switch: str = "DVS0") -> tuple[int, dict[str, Any]]:
        """Its exit code, and what it says of the cloud."""
        known = self._lab.credentials()
        config = self._folder / "novacenter.yml"
        config.write_text(
            _CONFIG.format(
                state=self._folder / "state",
                vcenter=VCENTER,
                auth_url=known["OS_AUTH_URL"],
                user=user or known["OS_USERNAME"],
                project=known["OS_PROJECT_NAME"],
                region=known["OS_REGION_NAME"],
                switch=switch,
            )
        )
        done = subprocess.run(
            [sys.executable, "-m", "exporter", "drift", "--config", config, "--format", "json"],
            cwd=ROOT,
            env=os.environ | {"LAB_PASSWORD": known["OS_PASSWORD"]},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)["clouds"][0]


def said(cloud: dict[str, Any]) -> set[tuple[str, str]]:
    """Kind and subject of what is graver than a note."""
    return {(one["kind"], one["subject"]) for one in cloud["findings"] if one["level"] != "note"}


def test_the_mapping_of_the_lab(lab: Lab, cloud: Cloud, tmp_path: Path) -> None:
    """Its ports are on a port group that is there, and nothing filters them; a switch of another name is missed."""
    cloud.settled(cloud.create("mapped", "vmware:vmware1"))
    drift = Drift(tmp_path, lab)

    code, fits = drift()

    assert (code, said(fits)) == (10, {("security_groups_unenforced", "vmware1")})
    code, renamed = drift(switch="dvSwitch9")
    assert (code, said(renamed)) == (
        10,
        {("security_groups_unenforced", "vmware1"), ("switch_missing", "lab-net")},
    )


def test_a_user_without_rights(lab: Lab, tmp_path: Path) -> None:
    """A reader gets neither hypervisors nor physical networks: exit 1, no drift of either, and which right it lacks."""
    code, seen = Drift(tmp_path, lab)("monitor")

    reasons = {one["reason"] for one in seen["unchecked"]}
    hidden = "Neutron does not show physical networks and VLANs to this user; give the user the role admin, or change"
    assert (code, said(seen)) == (1, set())
    assert any(reason.startswith(hidden) for reason in reasons)
