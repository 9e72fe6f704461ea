"""The simulator as a program: ``novacenter simulate`` or ``python -m simulator``."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from exporter.clock import Clock
from simulator.churn import compare, live, suffer, tick
from simulator.control import serve_control
from simulator.inventory import Size, build
from simulator.model import Accounts
from simulator.openstack.population import populate
from simulator.openstack.server import serve_cloud
from simulator.vcenter import Server, Tls, serve


def parser() -> argparse.ArgumentParser:
    """The command line."""
    own, size = Accounts(), Size()
    result = argparse.ArgumentParser(prog="novacenter simulate", description="A vCenter that speaks the real protocol.")
    add = result.add_argument
    add("--listen", default="127.0.0.1:8989", metavar="HOST:PORT", help="default %(default)s; port 0 takes a free one")
    add("--tls", default=True, action=argparse.BooleanOptionalAction, help="HTTPS with a self-signed certificate")
    add("--gzip", action="store_true", help="compress answers for clients that offer it, as vCenter 8.0.3 does")
    add("--hosts", type=int, default=size.hosts)
    add("--vms", type=int, default=size.vms)
    add("--datacenters", type=int, default=size.datacenters)
    add("--seed", type=int, default=1, help="the same seed and sizes give the same inventory")
    add("--user", default=own.user)
    add("--password", default=own.password)
    words = "change something every so often, by default every 5 s"
    add("--churn", type=float, nargs="?", const=5.0, default=0.0, metavar="SECONDS", help=words)
    add("--cloud-listen", default="", metavar="HOST:PORT", help="simulate an OpenStack upon it, there; by default none")
    add("--kvm", type=int, default=6, help="servers of the cloud that are on KVM")
    words = "let something in the cloud hang or fail every so often, by default every 60 s; ends what went wrong before"
    add(
        "--compare", type=float, default=0.0, metavar="SECONDS", help="have a server made on VMware and on KVM so often"
    )
    add("--incidents", type=float, nargs="?", const=60.0, default=0.0, metavar="SECONDS", help=words)
    add("--control", action="store_true", help="serve POST /fault, by which anyone who can connect breaks things")
    words = "the same at an address of its own, over HTTP, which answers while the vCenter is down"
    add("--control-listen", default="", metavar="HOST:PORT", help=words)
    return result


async def run(options: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM; one line ``READY url=... thumbprint=... cloud_url=...`` once clients can come."""
    size = Size(hosts=options.hosts, vms=options.vms, datacenters=options.datacenters)
    accounts = Accounts(user=options.user, password=options.password)
    model = build(size, now=Clock().now, seed=options.seed, accounts=accounts)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        host, port = _address(options.listen)
        tls = Tls() if options.tls else None
        server = await stack.enter_async_context(
            serve(model, tls=tls, host=host, port=port, compress=options.gzip, control=options.control)
        )
        if options.cloud_listen:
            host, port = _address(options.cloud_listen)
            cloud = populate(model, kvm=options.kvm)
            server.cloud = await stack.enter_async_context(serve_cloud(cloud, host=host, port=port))
        said = [f"url={server.url}", f"thumbprint={server.thumbprint}"]
        said.append(f"cloud_url={server.cloud.url if server.cloud else ''}")
        if options.control_listen:
            host, port = _address(options.control_listen)
            said.append(f"control_url={await stack.enter_async_context(serve_control(server, host=host, port=port))}")
        sys.stdout.write(f"READY {' '.join(said)}\n")
        sys.stdout.flush()
        await _until(stop, server, options)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)


async def _until(stop: asyncio.Event, server: Server, options: argparse.Namespace) -> None:
    cloud = server.cloud.cloud if server.cloud else None
    living = [asyncio.create_task(tick(server.model))]
    if options.churn > 0:
        living.append(asyncio.create_task(live(server.model, period=options.churn, cloud=cloud)))
    if options.compare > 0 and cloud is not None:
        living.append(asyncio.create_task(compare(cloud, period=options.compare)))
    if options.incidents > 0 and cloud is not None:
        living.append(asyncio.create_task(suffer(cloud, period=options.incidents)))
    ended = asyncio.create_task(stop.wait())
    await asyncio.wait({ended, *living}, return_when=asyncio.FIRST_COMPLETED)
    for task in (ended, *living):
        task.cancel()
    for task in living:
        if task.done() and not task.cancelled():
            task.result()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 after a signal, 1 where the address cannot be used."""
    options = parser().parse_args(argv)
    try:
        asyncio.run(run(options))
    except OSError as error:
        sys.stderr.write(f"cannot listen on {options.listen}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
