"""What is read: inventory sizes, and the counters."""

from dataclasses import dataclass


def _names(text: str) -> list[str]:
    return text.split()


RIVAL_COUNTERS = {  # vmware_exporter 0.18.4's own lists
    "vm": _names(
        "cpu.ready.summation cpu.maxlimited.summation cpu.usage.average cpu.usagemhz.average cpu.costop.summation "
        "cpu.idle.summation cpu.demand.average mem.usage.average mem.consumed.average mem.active.average "
        "mem.swapped.average mem.vmmemctl.average disk.maxTotalLatency.latest disk.usage.average disk.read.average "
        "disk.write.average net.received.average net.transmitted.average net.multicastRx.summation "
        "net.multicastTx.summation net.broadcastTx.summation net.broadcastRx.summation net.droppedRx.summation "
        "net.droppedTx.summation"
    ),
    "host": _names(
        "cpu.costop.summation cpu.demand.average cpu.idle.summation cpu.ready.summation cpu.swapwait.summation "
        "cpu.usage.average cpu.usagemhz.average cpu.used.summation disk.read.average disk.write.average "
        "mem.active.average mem.latency.average mem.swapin.average mem.swapinRate.average mem.swapout.average "
        "mem.swapoutRate.average mem.vmmemctl.average net.bytesRx.average net.bytesTx.average net.droppedRx.summation "
        "net.droppedTx.summation net.errorsRx.summation net.errorsTx.summation net.usage.average"
    ),
}

FULL_COUNTERS = {  # 20 per kind
    "vm": _names(
        "cpu.usage.average cpu.usagemhz.average cpu.ready.summation cpu.costop.summation cpu.idle.summation "
        "cpu.used.summation cpu.wait.summation mem.usage.average mem.active.average mem.consumed.average "
        "mem.granted.average mem.vmmemctl.average mem.swapinRate.average net.usage.average net.received.average "
        "net.transmitted.average disk.usage.average virtualDisk.totalReadLatency.average "
        "virtualDisk.totalWriteLatency.average datastore.maxTotalLatency.latest"
    ),
    "host": _names(
        "cpu.usage.average cpu.usagemhz.average cpu.ready.summation cpu.costop.summation cpu.idle.summation "
        "cpu.used.summation cpu.wait.summation mem.usage.average mem.active.average mem.consumed.average "
        "mem.granted.average mem.vmmemctl.average mem.swapinRate.average net.usage.average net.received.average "
        "net.transmitted.average disk.usage.average disk.deviceLatency.average datastore.totalReadLatency.average "
        "datastore.maxTotalLatency.latest"
    ),
}


@dataclass(frozen=True, slots=True)
class Size:
    """An inventory: clusters, hosts in each, VMs in each, and instances that the simulator adds to a VM's counters."""

    clusters: int
    hosts: int
    vms: int
    instances: int = 0

    @property
    def entities(self) -> int:
        """VMs and hosts."""
        return self.clusters * (self.hosts + self.vms)

    @property
    def words(self) -> str:
        """For the report."""
        return f"{self.clusters * self.hosts} hosts, {self.clusters * self.vms} VMs"

    @property
    def flags(self) -> tuple[str, ...]:
        """For the simulator."""
        numbers = {"cluster": self.clusters, "host": self.hosts, "vm": self.vms, "instances": self.instances}
        return tuple(word for name, number in numbers.items() for word in (f"-{name}", str(number)))


def smoke(size: Size) -> Size:
    """The same, small enough for a smoke run."""
    return Size(2, 2, max(5, size.clusters * size.vms // 500), size.instances)
