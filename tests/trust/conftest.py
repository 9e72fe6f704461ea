"""Fixtures of the trust room: a CA, and certificates of it, once per run."""

import pytest
from vcenter.tlslab import Authority, Pair


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA that both ends trust."""
    return Authority(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="session")
def server_pair(authority: Authority) -> Pair:
    """A good certificate for 127.0.0.1."""
    return authority.issue("server", "127.0.0.1", "server.test")


@pytest.fixture(scope="session")
def client_pair(authority: Authority) -> Pair:
    """A client's certificate, with a name."""
    return authority.issue("client", "prometheus.test")
