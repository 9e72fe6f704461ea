"""Part ``floor``: how far the decode stage is from what the machine needs to receive and look at the same bytes."""

import tempfile
from pathlib import Path

from bench.full import SIZE
from bench.harness import Bench, agent, target
from bench.report import Check, Part, median
from bench.workload import FULL_COUNTERS

HOW = (
    "In one process, by turns: 'decode' runs the decoder over the replies of a full cycle, all of them seen before; "
    "'tls' reads the same bytes from a local server with a blocking TLS socket into one buffer; 'scan' is "
    "bytes.count(b'<') over them; 'network' sends all requests and receives all replies as the product does (aiohttp, "
    "from the simulator). All are CPU seconds of the process, medians. The floor is tls + scan."
)


def run(bench: Bench) -> Part:
    """Measures the stages."""
    vcsim = bench.simulator(bench.size(SIZE))
    with tempfile.TemporaryDirectory() as folder, agent("stages") as stages, agent("source") as source:
        path, certificate = str(Path(folder, "replies")), str(Path(folder, "certificate.pem"))
        stages.ask("start", **target(vcsim, FULL_COUNTERS, instances=True))
        for _ in range(bench.rounds(2)):
            bench.await_sample()
            stages.ask("cycle")
        stages.ask("save", path=path)
        port = source.ask("send", path=path, certificate=certificate)["port"]
        floors, decodes, networks = [], [], []
        for _ in range(bench.rounds(7)):
            floors.append(stages.ask("floor", port=port, certificate=certificate))
            decodes.append(stages.ask("decode"))
            networks.append(stages.ask("network"))
    tls, scan, decode = median(floors, "tls"), median(floors, "scan"), median(decodes, "cpu")
    network = median(networks, "cpu")
    return Part(
        how=HOW,
        figures={
            "bytes": floors[0]["bytes"],
            "cpu_seconds": {"tls": tls, "scan": scan, "decode": decode, "network": network},
            "decode_over_floor": decode / (tls + scan),
            "network_and_decode_over_floor": (network + decode) / (tls + scan),
        },
        raw={"floor": floors, "decode": decodes, "network": networks},
        checks=(Check("decoding, in times of the floor", decode / (tls + scan), "x", 5),),
    )
