"""What to do about each kind of drift. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from exporter.driftkinds import DriftKind

NAMED = 3
"""Names shown of a list; how many more there are is said."""

ADVICE: Mapping[DriftKind, str] = MappingProxyType(
    {
        DriftKind.SWITCH_MISSING: (
            "give the switch its name back, or correct network_maps of Neutron's driver and mapping.physical_networks"
        ),
        DriftKind.PHYSNET_UNMAPPED: (
            "add it to network_maps of Neutron's driver and to mapping.physical_networks: nothing binds its ports here"
        ),
        DriftKind.PORTGROUP_MISSING: (
            "make the port group, or give it its name back: until then Nova can build no server on this network"
        ),
        DriftKind.PORTGROUP_ELSEWHERE: (
            "correct the mapping, or move the port group's VMs to one on the mapped switch"
        ),
        DriftKind.VLAN_MISMATCH: (
            "set the port group's VLAN to Neutron's, or find out who changed it: its servers are in another layer 2"
        ),
        DriftKind.TRUNK_EXCLUDES_VLAN: "add the VLAN to the port group's trunk range",
        DriftKind.VLAN_OVERLAP: (
            "give one of them another VLAN, and keep network_vlan_ranges of physical networks on one switch apart"
        ),
        DriftKind.OVERLAY_WITHOUT_NSX: (
            "use a VLAN network for servers on VMware, or say nsx: true in the mapping where NSX carries it"
        ),
        DriftKind.MTU_TOO_SMALL: "raise the switch's MTU and that of the physical network, or lower Neutron's",
        DriftKind.HOST_NOT_ON_SWITCH: (
            "add the hosts to the switch: a server that DRS or HA starts there has no network"
        ),
        DriftKind.SWITCH_WITHOUT_UPLINK: "give the switch uplinks: it is connected to nothing",
        DriftKind.CLUSTER_MISSING: (
            "give the cluster its name back, or correct cluster_name in nova.conf: nova-compute will not start again"
        ),
        DriftKind.HYPERVISOR_UNMATCHED: (
            "see whether the cluster was made anew (its id is another then), or remove the dead compute service"
        ),
        DriftKind.DATASTORE_REGEX_UNMATCHED: (
            "mount the datastores or give them their names back, or correct datastore_regex: builds fail until then"
        ),
        DriftKind.BACKEND_DATASTORE_MISSING: (
            "mount the datastore or give it its name back, or correct the backend in cinder.conf and the mapping"
        ),
        DriftKind.BACKEND_UNSEEN: (
            "mount a datastore of the backend on this cluster: to attach a volume, Cinder must copy it elsewhere first"
        ),
        DriftKind.HOST_WITHOUT_UPLINK: (
            "assign a physical NIC to the switch on these hosts: VMs there reach only each other"
        ),
        DriftKind.DATASTORE_NOT_ON_ALL_HOSTS: (
            "mount it on all hosts of the cluster: servers on it cannot be moved to, or restarted on, the others"
        ),
        DriftKind.CLUSTER_WITHOUT_HYPERVISOR: "see whether its nova-compute runs, or take it out of the mapping",
        DriftKind.SECURITY_GROUPS_UNENFORCED: (
            "use NSX or a driver that filters, or tell the users: whatever is on the network reaches these servers"
        ),
        DriftKind.PORTGROUP_ORPHANED: "remove the port group, when nothing is connected to it any more",
        DriftKind.VLAN_SHARED: "see whether what is connected there is meant to share Neutron's network",
        DriftKind.PORTGROUP_UNUSED: "remove it, if nobody needs it",
        DriftKind.MAPPING_UNUSED: "take it out of the mapping, or make its networks",
    }
)


def counted(count: int, noun: str) -> str:
    """``1 port``, ``2 ports``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def named(names: Iterable[str]) -> str:
    """A list of names in a sentence, sorted, as many as are shown."""
    ordered = sorted(names)
    more = [f"{len(ordered) - NAMED} more"] if len(ordered) > NAMED else []
    return ", ".join([*ordered[:NAMED], *more])
