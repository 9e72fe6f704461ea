"""The inventory as clients list it: every property is of the schema, and every way of asking gives the same."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from pyVmomi import VmomiSupport, vim, vmodl
from simclient import PC, Clock, ask, container, raw, table, view_filter

from simulator import properties
from simulator.data import Data, Ref, class_of
from simulator.inventory import Size, build
from simulator.model import Model
from simulator.vcenter import Server

OLDEST = "vim.version.version11"
"""API 6.5: the oldest version whose clients we promise to serve."""


def problems(value: Any, where: str) -> Iterator[str]:
    """What is wrong with a value by the schema: unknown, misplaced, missing or too new fields, bad enum words."""
    if isinstance(value, list):
        for item in value:
            yield from problems(item, where)
    if not isinstance(value, Data):
        return
    schema = {info.name: info for info in class_of(value.type)._GetPropertyList()}
    order = list(schema)
    given = [name for name, inner in value.fields.items() if inner is not None]
    if given != sorted(given, key=lambda name: order.index(name) if name in schema else -1):
        yield f"{where}: {value.type}: fields out of order: {given}"
    for name, info in schema.items():
        if not info.flags & VmomiSupport.F_OPTIONAL and value.fields.get(name) is None:
            yield f"{where}: {value.type}.{name} is required"
    for name in given:
        inner, info = value.fields[name], schema[name]
        if not VmomiSupport.IsChildVersion(OLDEST, info.version):
            yield f"{where}: {value.type}.{name} is newer than 6.5"
        if issubclass(info.type, VmomiSupport.Enum) and inner not in info.type.values:
            yield f"{where}: {value.type}.{name} cannot be {inner!r}"
        yield from problems(inner, f"{where}.{name}")


def test_every_property_keeps_to_the_schema(model: Model) -> None:
    """Each property of each object: known types and fields, in order, none required missing, none newer than 6.5."""
    found = []
    for node in model.nodes.values():
        for name in properties.names(node.kind):
            found.extend(problems(properties.top(model, node, name), f"{node.kind}.{name}"))
    assert sorted(set(found)) == []


async def test_pyvmomi_reads_every_property(server: Server) -> None:
    """Plain pyVmomi lists all objects with ``all=True`` and understands every value."""

    def read(content: Any) -> Counter[str]:
        view = container(content)
        spec = view_filter(view, vim.ManagedEntity)
        spec.propSet[0].all = True
        objects = content.propertyCollector.RetrieveContents([spec])
        assert all(one.propSet for one in objects)
        return Counter(type(one.obj).__name__ for one in objects)

    assert await ask(server, read) == {
        "vim.Datacenter": 2,
        "vim.Folder": 22,
        "vim.ClusterComputeResource": 2,
        "vim.ComputeResource": 1,
        "vim.HostSystem": 6,
        "vim.ResourcePool": 9,
        "vim.VirtualApp": 3,
        "vim.VirtualMachine": 40,
        "vim.Datastore": 12,
        "vim.Network": 2,
        "vim.dvs.VmwareDistributedVirtualSwitch": 2,
        "vim.dvs.DistributedVirtualPortgroup": 8,
    }


async def test_nested_paths_and_keyed_steps(server: Server) -> None:
    """A path reaches into data objects, and picks from an array by number or by word."""
    paths = (
        "name",
        "runtime.powerState",
        "summary.config.numCpu",
        "config.hardware.device[2000].backing.diskMode",
        'config.extraConfig["svga.present"].value',
        "summary.runtime.suspendTime",
    )

    def read(content: Any) -> Any:
        view = container(content, vim.VirtualMachine)
        return table(content.propertyCollector.RetrieveContents([view_filter(view, vim.VirtualMachine, *paths)]))

    machine = (await ask(server, read))["vm-1001"]
    assert machine == {
        "name": 'quo"ted',
        "runtime.powerState": "poweredOn",
        "summary.config.numCpu": 1,
        "config.hardware.device[2000].backing.diskMode": "persistent",
        'config.extraConfig["svga.present"].value': "TRUE",
    }


@pytest.mark.parametrize("path", ["nonsense", "summary.nonsense", "runtime.host.name", "summary..config", ""])
async def test_an_unknown_path_is_refused(server: Server, path: str) -> None:
    """A path that the type does not have, or that goes through a reference, is InvalidProperty."""

    def read(content: Any) -> Any:
        view = container(content, vim.VirtualMachine)
        with pytest.raises(vmodl.query.InvalidProperty) as caught:
            content.propertyCollector.RetrieveContents([view_filter(view, vim.VirtualMachine, path)])
        return caught.value.name

    assert await ask(server, read) == path


async def test_awkward_names_survive(server: Server) -> None:
    """Quotes, backslash, non-ASCII, escaped slash, markup, newline and blanks arrive as they are."""

    def read(content: Any) -> list[str]:
        view = container(content, vim.VirtualMachine)
        objects = content.propertyCollector.RetrieveContents([view_filter(view, vim.VirtualMachine, "name")])
        return [one.propSet[0].val for one in objects][:40]

    names = await ask(server, read)
    awkward = ['quo"ted', "back\\slash", "\u00fcn\u00efc\u00f6d\u00e9 \u65e5\u672c\u8a9e \U0001f600", "sla%2fsh"]
    assert set(names) >= {*awkward, "<tag> & 'entity'", "new\nline", " padded "}


@pytest.mark.parametrize("size", [1, 7, 39, 40, 41, None])
async def test_pages_add_up_to_the_listing(server: Server, size: int | None) -> None:
    """RetrievePropertiesEx in pages of any size gives each object once, in the order of the listing without pages."""

    def read(content: Any) -> tuple[list[int], list[str], list[str]]:
        collector = content.propertyCollector
        spec = view_filter(container(content, vim.VirtualMachine), vim.VirtualMachine, "name")
        whole = [one.obj._moId for one in collector.RetrieveContents([spec])]
        page = collector.RetrievePropertiesEx([spec], PC.RetrieveOptions(maxObjects=size))
        pages = [page]
        while page.token:
            page = collector.ContinueRetrievePropertiesEx(page.token)
            pages.append(page)
        return [len(p.objects) for p in pages], [one.obj._moId for p in pages for one in p.objects], whole

    sizes, paged, whole = await ask(server, read)
    assert paged == whole
    assert sizes[:-1] == [size or 40] * (len(sizes) - 1)
    assert len(whole) == 40


async def test_a_token_is_used_up(server: Server) -> None:
    """The second use of a token, and one that was cancelled, are InvalidArgument."""

    def read(content: Any) -> None:
        collector = content.propertyCollector
        spec = view_filter(container(content, vim.VirtualMachine), vim.VirtualMachine, "name")
        first = collector.RetrievePropertiesEx([spec], PC.RetrieveOptions(maxObjects=30)).token
        collector.ContinueRetrievePropertiesEx(first)
        second = collector.RetrievePropertiesEx([spec], PC.RetrieveOptions(maxObjects=30)).token
        collector.CancelRetrievePropertiesEx(second)
        for token in (first, second):
            with pytest.raises(vmodl.fault.InvalidArgument):
                collector.ContinueRetrievePropertiesEx(token)

    await ask(server, read)


async def test_an_empty_listing_has_no_result(server: Server) -> None:
    """Nothing selected: RetrievePropertiesEx returns nothing at all, as the API says."""

    def read(content: Any) -> Any:
        view = container(content, vim.StoragePod)
        return content.propertyCollector.RetrievePropertiesEx(
            [view_filter(view, vim.StoragePod, "name")], PC.RetrieveOptions()
        )

    assert await ask(server, read) is None


async def test_the_classic_traversal_finds_what_the_view_finds(server: Server) -> None:
    """Named, recursive selection specs over folders, datacenters, clusters and pools, as in pyVmomi's samples."""
    by_name = PC.SelectionSpec(name="folders")
    pools = PC.SelectionSpec(name="pools")
    steps = [
        PC.TraversalSpec(name="folders", type=vim.Folder, path="childEntity", skip=False, selectSet=[
            by_name,
            PC.TraversalSpec(type=vim.Datacenter, path="hostFolder", skip=False, selectSet=[by_name]),
            PC.TraversalSpec(type=vim.Datacenter, path="vmFolder", skip=False, selectSet=[by_name]),
            PC.TraversalSpec(type=vim.ComputeResource, path="host", skip=False),
            PC.TraversalSpec(type=vim.ComputeResource, path="resourcePool", skip=False, selectSet=[pools]),
            PC.TraversalSpec(name="pools", type=vim.ResourcePool, path="resourcePool", skip=False, selectSet=[
                pools, PC.SelectionSpec(name="machines"),
            ]),
            PC.TraversalSpec(name="machines", type=vim.ResourcePool, path="vm", skip=False),
        ]),
    ]  # fmt: skip

    def read(content: Any) -> None:
        start = PC.ObjectSpec(obj=content.rootFolder, skip=False, selectSet=steps)
        wanted = [PC.PropertySpec(type=kind, pathSet=["name"]) for kind in (vim.VirtualMachine, vim.HostSystem)]
        spec = PC.FilterSpec(objectSet=[start], propSet=wanted)
        walked = {one.obj._moId for one in content.propertyCollector.RetrieveContents([spec])}
        viewed = {one._moId for one in container(content, vim.VirtualMachine, vim.HostSystem).view}
        assert walked == viewed

    await ask(server, read)


async def test_a_traversal_in_circles_ends(server: Server, model: Model) -> None:
    """From a host to its machines, to their hosts, and so on: each object once."""
    back = PC.SelectionSpec(name="machines")
    home = PC.TraversalSpec(type=vim.VirtualMachine, path="runtime.host", skip=False, selectSet=[back])
    out = PC.TraversalSpec(name="machines", type=vim.HostSystem, path="vm", skip=False, selectSet=[home])

    def read(content: Any) -> set[str]:
        start = PC.ObjectSpec(obj=vim.HostSystem("host-1", content.rootFolder._stub), skip=True, selectSet=[out])
        wanted = [PC.PropertySpec(type=vim.ManagedEntity, pathSet=["name"])]
        found = content.propertyCollector.RetrieveContents([PC.FilterSpec(objectSet=[start], propSet=wanted)])
        assert len(found) == len({one.obj._moId for one in found})
        return {one.obj._moId for one in found}

    assert await ask(server, read) == {"host-1", *(vm.moid for vm in model.vms_of("host-1"))}


async def test_a_view_of_a_pool_or_host_holds_its_machines(server: Server, model: Model) -> None:
    """Machines are in the view of the pool and of the host that they are in."""
    vm = model.get("vm-1001").facts

    def read(content: Any) -> tuple[bool, bool]:
        stub, make = content.rootFolder._stub, content.viewManager.CreateContainerView
        places = vim.ResourcePool(vm.pool, stub), vim.HostSystem(vm.host, stub)
        pool, host = ({one._moId for one in make(place, [vim.VirtualMachine], True).view} for place in places)
        return "vm-1001" in pool, "vm-1001" in host

    assert await ask(server, read) == (True, True)


async def test_a_view_of_a_part_holds_that_part(server: Server, model: Model) -> None:
    """A view from a cluster holds its hosts and machines only; one that is not recursive only what is next to it."""
    cluster = next(model.of_kind("ClusterComputeResource"))
    hosts = [node for node in model.related("child", cluster.moid) if node.kind == "HostSystem"]
    machines = {vm.moid for host in hosts for vm in model.vms_of(host.moid)}

    def read(content: Any) -> tuple[set[str], set[str]]:
        start = vim.ClusterComputeResource(cluster.moid, content.rootFolder._stub)
        make = content.viewManager.CreateContainerView
        deep = make(start, [vim.VirtualMachine], True).view
        flat = make(start, [], False).view
        return {one._moId for one in deep}, {type(one).__name__ for one in flat}

    assert await ask(server, read) == (machines, {"vim.HostSystem", "vim.ResourcePool"})


async def test_what_is_gone_is_said_to_be_gone(server: Server, model: Model) -> None:
    """A destroyed view and a removed machine raise ManagedObjectNotFound that names them."""

    model.remove("vm-1001")

    def read(content: Any) -> tuple[str, str]:
        view = container(content, vim.VirtualMachine)
        view.Destroy()
        with pytest.raises(vmodl.fault.ManagedObjectNotFound) as first:
            len(view.view)
        with pytest.raises(vmodl.fault.ManagedObjectNotFound) as second:
            len(vim.VirtualMachine("vm-1001", content.rootFolder._stub).name)
        return first.value.obj._moId[-6:], second.value.obj._moId

    assert await ask(server, read) == ("view-1", "vm-1001")


def test_the_same_seed_gives_the_same_inventory(clock: Clock) -> None:
    """Two models of one seed are equal in every property; another seed has other identities."""

    def texts(seed: int) -> list[str | None]:
        model = build(Size(hosts=4, vms=20), now=clock, seed=seed)
        return [properties.text(model, n, p) for n in model.nodes.values() for p in properties.names(n.kind)]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_what_nova_writes_is_there(model: Model) -> None:
    """A Nova machine: its folder, instance UUID, nvp and volume extraConfig, annotation, as the driver leaves them."""
    vm = next(node for node in model.of_kind("VirtualMachine") if any(disk.volume for disk in node.facts.disks[1:])
              and node.facts.name.startswith("web-"))  # fmt: skip
    folders = []
    parent = vm.parent
    while parent:
        folders.append(model.get(parent).facts.name)
        parent = model.get(parent).parent
    extra = dict(vm.facts.extra)
    volume = next(disk for disk in vm.facts.disks if disk.volume)
    assert folders[0] == "Instances"
    assert folders[1].startswith("Project (")
    assert folders[2:4] == ["OpenStack", "vm"]
    assert extra["nvp.vm-uuid"] == vm.facts.instance_uuid
    assert extra[f"volume-{volume.volume}"] == volume.uuid
    assert "flavor:vcpus:" in vm.facts.annotation


def test_the_odd_ones_are_there(model: Model) -> None:
    """Powered-off machines, RDM disks, snapshots, a vApp's machine, a dead path, a lost host, one in maintenance."""
    machines = [node.facts for node in model.of_kind("VirtualMachine")]
    hosts = [node.facts for node in model.of_kind("HostSystem")]
    assert any(vm.power == "poweredOff" for vm in machines)
    assert any(disk.lun for vm in machines for disk in vm.disks)
    assert any(vm.snapshots for vm in machines)
    assert any(vm.alarms for vm in machines)
    assert any(model.get(node.parent or "").kind == "VirtualApp" for node in model.of_kind("VirtualMachine"))
    assert [host.connection for host in hosts].count("disconnected") == 1
    assert [host.maintenance for host in hosts].count(True) == 1
    assert any("dead" in lun.paths for host in hosts for lun in host.luns)


async def test_a_host_shows_its_certificate(server: Server) -> None:
    """config.certificate is a PEM certificate, byte by byte, whose end is where the model puts it."""

    def read(content: Any) -> Any:
        view = container(content, vim.HostSystem)
        spec = view_filter(view, vim.HostSystem, "config.certificate")
        return table(content.propertyCollector.RetrieveContents([spec]))["host-1"]["config.certificate"]

    pem = bytes(await ask(server, read))
    days = x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp() - server.model.started
    assert days // 86400 == server.model.get("host-1").facts.certificate_days


def test_a_datastore_goes_with_what_is_on_it(model: Model) -> None:
    """Removing a datastore removes its machines, and hosts no longer mount it; no reference is left behind."""
    store = next(model.of_kind("Datastore")).moid
    model.remove(store)
    leftovers = [node.moid for node in model.nodes.values() for name in properties.names(node.kind)
                 if f">{store}<" in (properties.text(model, node, name) or "")]  # fmt: skip
    assert leftovers == []
    assert model.related("child", store) == []
    assert all(Ref("Datastore", store) != one for one in model.get("host-1").facts.datastores)


async def test_golden_listing(plain: Server, golden: Callable[[str, str], None]) -> None:
    """The bytes of a listing: one machine with plain, nested, array and unset properties."""
    body = (
        '<RetrievePropertiesEx xmlns="urn:vim25"><_this type="PropertyCollector">propertyCollector</_this><specSet>'
        "<propSet><type>VirtualMachine</type><pathSet>name</pathSet><pathSet>config</pathSet>"
        "<pathSet>runtime.host</pathSet><pathSet>datastore</pathSet><pathSet>summary.runtime.suspendTime</pathSet>"
        '</propSet><objectSet><obj type="VirtualMachine">vm-1005</obj></objectSet></specSet><options/>'
        "</RetrievePropertiesEx>"
    )
    async with raw(plain) as client:
        status, text = await client.post(body)
    assert status == 200
    golden("simulator-listing.xml", text)
