"""What the product is configured with to read the simulator."""

from exporter.config import Globs, Secret, Timeouts, Tls, VCenter
from exporter.model import Kind


def vcenter(
    *, url: str, thumbprint: str, user: str, password: str, counters: dict[str, list[str]], instances: bool
) -> VCenter:
    """The configuration of one vCenter: these counters per kind, the certificate pinned, longer time limits."""
    return VCenter(
        name="vc1",
        url=url,
        username=user,
        password=Secret(password),
        tls=Tls(thumbprint=thumbprint),
        timeouts=Timeouts(read=120, total=240),
        counters={Kind(kind): Globs(include=tuple(names)) for kind, names in counters.items()},
        instances={Kind(kind): instances for kind in counters},
    )
