"""The built-in policy, and what policy files add to it."""

from collections.abc import Iterable
from importlib.resources import files

from exporter.errors import ConfigError
from sla import policyfile
from sla.policy import Policy

BUILT_IN = ("api_communication.yml", "storage_connection.yml")


def policy(texts: Iterable[tuple[str, str]] = ()) -> Policy:
    """The built-in classes, and what the policy files (name and text) add to them. Raises ConfigError."""
    built_in = [(name, files("sla").joinpath("data", name).read_text(encoding="utf-8")) for name in BUILT_IN]
    try:
        return policyfile.load([*built_in, *texts])
    except policyfile.PolicyError as error:
        raise ConfigError(str(error)) from error
