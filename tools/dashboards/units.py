"""Numbers as people read them, by Grafana's names of units."""

from collections.abc import Callable, Mapping


def _scaled(value: float, base: float, names: tuple[str, ...], *, end: str = "") -> str:
    size, index = abs(value), 0
    while size >= base and index < len(names) - 1:
        size, value, index = size / base, value / base, index + 1
    return f"{value:.3g} {names[index]}{end}".rstrip()


def _seconds(value: float) -> str:
    size = abs(value)
    if size < 1:
        return f"{value * 1000:.3g} ms"
    for limit, by, name in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if size < limit:
            return f"{value / by:.3g} {name}"
    return f"{value / 86400:.3g} d"


_PREFIXES = ("", "k", "M", "G", "T", "P")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_UNITS: Mapping[str, Callable[[float], str]] = {
    "percentunit": lambda value: f"{value * 100:.3g} %",
    "bytes": lambda value: _scaled(value, 1024, _BINARY),
    "binBps": lambda value: _scaled(value, 1024, _BINARY, end="/s"),
    "s": _seconds,
    "dtdurations": _seconds,
    "hertz": lambda value: _scaled(value, 1000, _PREFIXES, end="Hz"),
    "watt": lambda value: _scaled(value, 1000, _PREFIXES, end="W"),
    "iops": lambda value: _scaled(value, 1000, _PREFIXES, end="io/s"),
    "reqps": lambda value: _scaled(value, 1000, _PREFIXES, end="req/s"),
    "cps": lambda value: _scaled(value, 1000, _PREFIXES, end="/s"),
}


def text(value: float, unit: str) -> str:
    """The number with its unit; units that are not here get the shortest form of the number."""
    return _UNITS[unit](value) if unit in _UNITS else _scaled(value, 1000, _PREFIXES)
