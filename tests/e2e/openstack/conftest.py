"""The lab's cloud for the tests of this folder. It is not started here: `make openstack-up` does."""

import os
from collections.abc import Iterator

import pytest
from e2e.openstack.cloud import Cloud
from e2e.openstack.lab import Lab


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The running cloud; without one the test is skipped or, with NOVACENTER_REQUIRE_OPENSTACK=1, fails."""
    lab = Lab()
    if not lab.running:
        message = "the cloud is not running: `make openstack-up`"
        if os.environ.get("NOVACENTER_REQUIRE_OPENSTACK") == "1":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return lab


@pytest.fixture
def cloud(lab: Lab) -> Iterator[Cloud]:
    """The administrator's client; servers that a test made are deleted after it, and faults of the vCenter end."""
    cloud = Cloud(lab)
    listing = "/servers?all_tenants=1"
    before = {server["id"] for server in cloud.get("compute", listing)["servers"]}
    yield cloud
    lab.soap_status(200, count=0)
    for server in cloud.get("compute", listing)["servers"]:
        if server["id"] not in before:
            cloud.delete(server["id"])
