"""The kinds of mapping drift, by the word used in labels, output and configuration, and how grave each is."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Level(StrEnum):
    """How grave a drift is, the worst first. A note is about tidiness: ``novacenter drift`` ends well with it."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class DriftKind(StrEnum):
    """What may not fit between OpenStack's configuration and vSphere's, the gravest first."""

    SWITCH_MISSING = "switch_missing"
    PHYSNET_UNMAPPED = "physnet_unmapped"
    PORTGROUP_MISSING = "portgroup_missing"
    PORTGROUP_ELSEWHERE = "portgroup_elsewhere"
    VLAN_MISMATCH = "vlan_mismatch"
    TRUNK_EXCLUDES_VLAN = "trunk_excludes_vlan"
    VLAN_OVERLAP = "vlan_overlap"
    OVERLAY_WITHOUT_NSX = "overlay_without_nsx"
    MTU_TOO_SMALL = "mtu_too_small"
    HOST_NOT_ON_SWITCH = "host_not_on_switch"
    SWITCH_WITHOUT_UPLINK = "switch_without_uplink"
    CLUSTER_MISSING = "cluster_missing"
    HYPERVISOR_UNMATCHED = "hypervisor_unmatched"
    DATASTORE_REGEX_UNMATCHED = "datastore_regex_unmatched"
    BACKEND_DATASTORE_MISSING = "backend_datastore_missing"
    BACKEND_UNSEEN = "backend_unseen"
    HOST_WITHOUT_UPLINK = "host_without_uplink"
    DATASTORE_NOT_ON_ALL_HOSTS = "datastore_not_on_all_hosts"
    CLUSTER_WITHOUT_HYPERVISOR = "cluster_without_hypervisor"
    SECURITY_GROUPS_UNENFORCED = "security_groups_unenforced"
    PORTGROUP_ORPHANED = "portgroup_orphaned"
    VLAN_SHARED = "vlan_shared"
    PORTGROUP_UNUSED = "portgroup_unused"
    MAPPING_UNUSED = "mapping_unused"


_WARNINGS = frozenset(
    {
        DriftKind.BACKEND_UNSEEN,
        DriftKind.HOST_WITHOUT_UPLINK,
        DriftKind.DATASTORE_NOT_ON_ALL_HOSTS,
        DriftKind.CLUSTER_WITHOUT_HYPERVISOR,
        DriftKind.SECURITY_GROUPS_UNENFORCED,
        DriftKind.PORTGROUP_ORPHANED,
    }
)
_NOTES = frozenset({DriftKind.VLAN_SHARED, DriftKind.PORTGROUP_UNUSED, DriftKind.MAPPING_UNUSED})

LEVELS: Mapping[DriftKind, Level] = MappingProxyType(
    {kind: Level.NOTE if kind in _NOTES else Level.WARNING if kind in _WARNINGS else Level.ERROR for kind in DriftKind}
)
"""The level of each kind."""
