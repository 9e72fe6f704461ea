"""The simulator as a program: ``novacenter simulate`` or ``python -m simulator``."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

from exporter.clock import Clock
from simulator.churn import live
from simulator.inventory import Size, build
from simulator.model import Accounts, Model
from simulator.vcenter import Tls, serve


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
    add("--control", action="store_true", help="serve POST /fault, by which anyone who can connect breaks things")
    return result


async def run(options: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM; print one line ``READY url=... thumbprint=...`` once clients can connect."""
    host, _, port = options.listen.rpartition(":")
    size = Size(hosts=options.hosts, vms=options.vms, datacenters=options.datacenters)
    accounts = Accounts(user=options.user, password=options.password)
    model = build(size, now=Clock().now, seed=options.seed, accounts=accounts)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tls = Tls() if options.tls else None
    async with serve(
        model,
        tls=tls,
        host=host.strip("[]") or "127.0.0.1",
        port=int(port),
        compress=options.gzip,
        control=options.control,
    ) as server:
        sys.stdout.write(f"READY url={server.url} thumbprint={server.thumbprint}\n")
        sys.stdout.flush()
        await _until(stop, model, period=options.churn)


async def _until(stop: asyncio.Event, model: Model, *, period: float) -> None:
    if period <= 0:
        await stop.wait()
        return
    living = asyncio.create_task(live(model, period=period))
    await stop.wait()
    living.cancel()


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
