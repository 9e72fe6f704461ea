"""How a cluster's HA and DRS are configured (vSphere API reference, ClusterComputeResource)."""

from simulator.data import Data
from simulator.facts import Cluster
from simulator.model import Model
from simulator.store import Node


def _services(node: Node) -> dict[str, Data]:
    cluster: Cluster = node.facts
    return {
        "dasConfig": Data("ClusterDasConfigInfo", enabled=cluster.ha, failoverLevel=1, admissionControlEnabled=True),
        "drsConfig": Data(
            "ClusterDrsConfigInfo", enabled=cluster.drs, defaultVmBehavior="fullyAutomated", vmotionRate=3
        ),
    }


def cluster_config(_model: Model, node: Node) -> Data:
    """``configuration``: HA and DRS, as vCenter has told them since the beginning."""
    return Data("ClusterConfigInfo", **_services(node))


def cluster_config_ex(_model: Model, node: Node) -> Data:
    """``configurationEx``: the same in the newer type."""
    return Data("ClusterConfigInfoEx", vmSwapPlacement="vmDirectory", **_services(node))
