"""Fixtures of the vCenter room: certificates once per run."""

import pytest
from vcenter.tlslab import Authority, Pair


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA of the servers under test."""
    return Authority(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="session")
def server_pair(authority: Authority) -> Pair:
    """A good certificate for 127.0.0.1."""
    return authority.issue("server", "127.0.0.1", "vcenter.test")
