"""The section ``mapping`` of a cloud: which switch, cluster and datastore in vSphere is meant by what in OpenStack."""

import re
from collections.abc import Mapping
from functools import partial

import yaml

from exporter import configvalues as values
from exporter.config import CloudMapping, MappedBackend, MappedCluster
from exporter.configparts import distinct, members, text
from exporter.configvalues import BadValueError
from exporter.configyaml import Field, Reader, each, scalar
from exporter.driftkinds import DriftKind

_LONGEST = 500


def regex(value: object) -> str:
    """A regular expression, as Nova and Cinder match it: from the beginning of a name (``re.match``)."""
    written = values.text(value)
    if len(written) > _LONGEST:
        raise BadValueError(f"is longer than {_LONGEST} characters; write a shorter one")
    try:
        re.compile(written)
    except (re.error, RecursionError, OverflowError):
        raise BadValueError("is no regular expression; copy it from nova.conf or cinder.conf") from None
    return written


def _kind(value: object) -> str:
    written = values.text(value)
    if written not in set(DriftKind):
        raise BadValueError(f"is no kind of drift; {values.nearest(written, DriftKind)}")
    return written


_pattern = scalar(regex)


def _physical_networks(field: Field) -> Mapping[str, tuple[str, ...]]:
    """``{physnet1: dvSwitch1}``, ``{physnet1: [dvSwitch1, dvSwitch2]}``, or the drivers' ``physnet1:dvSwitch1,...``."""
    if isinstance(field.node, yaml.MappingNode):
        return {name: _switches(item) for name, item in field.members().items()}
    written = [text(item) for item in field.items()] if isinstance(field.node, yaml.SequenceNode) else [text(field)]
    found: dict[str, tuple[str, ...]] = {}
    for pair in (pair for one in written for pair in one.split(",") if pair.strip()):
        physical, colon, switch = (part.strip() for part in pair.partition(":"))
        if not (physical and colon and switch):
            raise field.error("holds something else than PHYSICAL_NETWORK:SWITCH; write physnet1:dvSwitch1")
        found[physical] = (*found.get(physical, ()), switch)
    return found


def _switches(field: Field) -> tuple[str, ...]:
    return distinct(text, field) if isinstance(field.node, yaml.SequenceNode) else (text(field),)


CLUSTER_KEYS: Mapping[str, Reader] = {"name": text, "datastore_regex": _pattern}


def _cluster(field: Field) -> MappedCluster:
    """``{name: Prod A, datastore_regex: nas.*}``, or the name alone."""
    if isinstance(field.node, yaml.ScalarNode):
        return MappedCluster(text(field))
    given = members(CLUSTER_KEYS, field.section(CLUSTER_KEYS))
    if "name" not in given:
        raise field.error("is missing; add cluster_name of nova.conf", member="name")
    return MappedCluster(**given)


BACKEND_KEYS: Mapping[str, Reader] = {
    "name": text,
    "datastores": partial(distinct, text),
    "datastore_regex": _pattern,
    "clusters": partial(distinct, text),
}


def _backend(field: Field) -> MappedBackend:
    given = members(BACKEND_KEYS, field.section(BACKEND_KEYS))
    if "name" not in given:
        raise field.error("is missing; add the backend's name in cinder.conf", member="name")
    if not {"datastores", "datastore_regex"} & given.keys():
        raise field.error("names no datastore; add datastores or datastore_regex")
    return MappedBackend(**given)


MAPPING_KEYS: Mapping[str, Reader] = {
    "physical_networks": _physical_networks,
    "clusters": each(_cluster),
    "datastore_regex": _pattern,
    "cinder_backends": each(_backend),
    "nsx": scalar(values.boolean),
    "overlay_switches": partial(distinct, text),
    "ignore": partial(distinct, scalar(_kind)),
}


def mapping(field: Field) -> CloudMapping:
    """The section."""
    return CloudMapping(**members(MAPPING_KEYS, field.section(MAPPING_KEYS)))
