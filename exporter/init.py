"""``novacenter init``: a configuration from what Nova, Cinder and Neutron are configured with. Reads and writes files.

A secret goes into a file of its own that only its owner may read, or stays where the environment has it; it is never in
the configuration and never printed.
"""

import argparse
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from exporter import configvalues as values
from exporter.config import Secret
from exporter.configvalues import BadValueError
from exporter.errors import ConfigError
from exporter.initpage import CloudPlan, Kept, Plan, VCenterPlan, page
from exporter.novaconf import Conf, Keystone, Use, cinder_uses, keystone, networks, nova_use, parse

_MAX_FILE_BYTES = 1024**2
_ADDRESS = re.compile(r"[0-9.]+|.*:.*")
_LABEL = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for. ``variable`` is the environment variable that holds the password."""

    nova: tuple[Path, ...]
    cinder: tuple[Path, ...] = ()
    ml2: tuple[Path, ...] = ()
    output: Path = Path("novacenter.yml")
    variable: str | None = None
    force: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    for option, required, text in (
        ("--from-nova-conf", True, "nova.conf of each nova-compute on VMware, and that of nova-api for Keystone"),
        ("--from-cinder-conf", False, "cinder.conf of cinder-volume"),
        ("--from-ml2-conf", False, "ml2_conf.ini of Neutron"),
    ):
        parser.add_argument(
            option, type=Path, action="extend", nargs="+", default=[], required=required, metavar="FILE", help=text
        )
    parser.add_argument(
        "--output", type=Path, default=Path("novacenter.yml"), metavar="FILE", help="default: %(default)s"
    )
    parser.add_argument("--password-env", metavar="NAME", help="write no password, name this environment variable")
    parser.add_argument("--force", action="store_true", help="replace files that are there already")


def run(options: argparse.Namespace, *, say: Callable[[str], None]) -> int:
    """The command. Raises ConfigError."""
    request = Request(
        nova=tuple(options.from_nova_conf),
        cinder=tuple(options.from_cinder_conf),
        ml2=tuple(options.from_ml2_conf),
        output=options.output,
        variable=options.password_env,
        force=options.force,
    )
    for line in write(request):
        say(line)
    return 0


def write(request: Request) -> tuple[str, ...]:
    """Reads, then writes the configuration and a file for each secret; what was done, in lines. Raises ConfigError."""
    plan = made(request)
    secrets = {kept.file: kept.secret for kept in _kept(plan) if kept.file and kept.secret}
    folder = request.output.parent
    files = {folder / name: f"{secret.reveal()}\n".encode() for name, secret in secrets.items()}
    _put({**files, request.output: page(plan).encode()}, private=files.keys(), force=request.force)
    variables = [kept.variable for kept in _kept(plan) if kept.variable]
    return (
        f"{request.output}: written",
        *(f"{path}: holds a password, for its owner alone" for path in files),
        *(f"{variable}: set this environment variable to the password" for variable in variables),
        f"next: novacenter check --config {request.output}",
    )


def _kept(plan: Plan) -> Iterator[Kept]:
    yield from (vcenter.password for vcenter in plan.vcenters)
    yield plan.cloud.password


# --- reading ---------------------------------------------------------------------------------------------------------


def made(request: Request) -> Plan:
    """What the files say, merged by vCenter. Raises ConfigError."""
    if request.variable is not None:
        _checked(values.variable, request.variable, "--password-env")
    nova = tuple(_read(path) for path in request.nova)
    cinder = tuple(_read(path) for path in request.cinder)
    ml2 = tuple(_read(path) for path in request.ml2)
    uses = [use for use in map(nova_use, nova) if use is not None]
    if not uses:
        groups = ", ".join(sorted({f"[{group}]" for conf in nova for group in conf.groups})) or "no group at all"
        named = ", ".join(conf.name for conf in nova)
        raise ConfigError(f"{named}: no [vmware] among {groups}; give the nova.conf of a host that runs nova-compute")
    uses += [use for conf in cinder for use in cinder_uses(conf)]
    vcenters = _vcenters(uses, request.variable)
    by_host: dict[str | None, dict[str, str | None]] = {}
    read = tuple(map(networks, ml2))
    for found in read:
        by_host.setdefault(found.host, {}).update(found.switches)
    vcenters = tuple(replace(vcenter, switches=by_host.pop(vcenter.uses[0].host, {})) for vcenter in vcenters)
    return Plan(
        sources=tuple(conf.name for conf in (*nova, *cinder, *ml2)),
        vcenters=vcenters,
        cloud=_cloud(keystone(nova), {vcenter.name for vcenter in vcenters}, request.variable),
        switches={name: switch for switches in by_host.values() for name, switch in switches.items()},
        nsx=any(found.nsx for found in read),
    )


def _read(path: Path) -> Conf:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8; check that it is the right file") from None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); check that it exists and who may read it"
        ) from None
    if len(content) > _MAX_FILE_BYTES:
        raise ConfigError(f"{path}: is larger than {_MAX_FILE_BYTES // 1024} KiB; check that it is the right file")
    return parse(text, str(path))


def _checked(check: Callable[[object], object], value: object, what: str) -> str:
    """What the configuration makes of a value. Its refusal becomes an error about ``what``."""
    try:
        return str(check(value))
    except BadValueError as error:
        raise ConfigError(f"{what}: {error}") from None


def _vcenters(uses: Iterable[Use], variable: str | None) -> tuple[VCenterPlan, ...]:
    merged: dict[tuple[str, int], list[Use]] = {}
    for use in uses:
        merged.setdefault((use.host, use.port), []).append(use)
    plans: list[VCenterPlan] = []
    for (host, port), found in merged.items():
        found.sort(key=lambda use: use.username is None or use.password is None)  # stable: Nova before Cinder
        first = found[0]
        name = _name(host, "vc", {plan.name for plan in plans})
        shown = f"[{host}]" if ":" in host else host
        url = f"https://{shown}/sdk" if port == 443 else f"https://{shown}:{port}/sdk"
        prefix = "" if first.service == "Nova" else "vmware_"
        where = f"{first.conf.name}: [{first.group}] {prefix}"
        _checked(values.vcenter_url, url, f"{where}host_ip")
        if first.username is None:
            raise ConfigError(f"{where}host_username is missing; add it there")
        for use in found:
            _checked(values.text, use.username or "-", f"{use.conf.name}: [{use.group}] host_username")
        count = "" if not plans else f"_{len(plans) + 1}"
        kept = _keep(
            first.password, file=f"{name}.password", variable=f"{variable}{count}" if variable else None, where=where
        )
        plans.append(VCenterPlan(name, url, tuple(found), kept, ca_readable=_readable(first.ca_file)))
    return tuple(plans)


def _keep(secret: Secret | None, *, file: str, variable: str | None, where: str) -> Kept:
    if variable is not None:
        return Kept(None, variable=variable)
    if secret is None:
        raise ConfigError(f"{where}host_password is missing; add --password-env NAME to take it from the environment")
    _checked(
        lambda text: values.secret(str(text).encode("utf-8", "surrogatepass")), secret.reveal(), where + "host_password"
    )
    return Kept(secret, file=file)


def _name(text: str, other: str, taken: set[str]) -> str:
    """A name that the configuration accepts: the first label of a host's name, else ``other`` and a number."""
    label = "" if _ADDRESS.fullmatch(text) else _LABEL.sub("-", text.partition(".")[0]).strip("-._")[:40]
    numbered = (f"{label or other}{number}" for number in range(1, len(taken) + 2))
    return label if label and label not in taken else next(name for name in numbered if name not in taken)


def _readable(path: str | None) -> bool:
    return path is not None and Path(path).is_absolute() and os.access(path, os.R_OK) and Path(path).is_file()


def _cloud(login: Keystone | None, taken: set[str], variable: str | None) -> CloudPlan:
    region = login.region if login is not None else None
    name = _name((region or "openstack").replace(".", "-"), "cloud", taken)
    if login is None:
        return CloudPlan(name, None)
    where = f"{login.conf.name}: [{login.group}]"
    auth_url = _checked(values.auth_url, login.auth_url, f"{where} auth_url")
    if not login.complete:
        return CloudPlan(name, login, auth_url)
    for text in (login.username, login.project, login.user_domain, login.project_domain, login.region):
        _checked(values.text, text or "-", f"{where} user, project, domain or region")
    secret = login.secret if login.application_credential and login.secret else login.password
    kept = _keep(
        secret, file=f"{name}.password", variable=f"{variable}_KEYSTONE" if variable else None, where=f"{where} "
    )
    clear = values.is_unencrypted(auth_url)
    return CloudPlan(name, login, auth_url, clear=clear, ca_readable=_readable(login.ca_file), password=kept)


# --- writing ---------------------------------------------------------------------------------------------------------


def _put(files: Mapping[Path, bytes], *, private: Iterable[Path], force: bool) -> None:
    """All files or, where one is there already or cannot be written, none. Raises ConfigError."""
    there = next((path for path in files if os.path.lexists(path)), None)
    if there is not None and not force:
        raise ConfigError(f"{there}: is there already; name another --output, or add --force to replace it")
    only_owner = set(private)
    done: list[Path] = []
    for path, content in files.items():
        try:
            _write(path, content, mode=0o600 if path in only_owner else 0o644, force=force)
        except OSError as error:
            for written in done if not force else ():
                written.unlink(missing_ok=True)
            raise ConfigError(
                f"{path}: cannot be written ({error.strerror}); check its directory and its rights"
            ) from None
        done.append(path)


def _write(path: Path, content: bytes, *, mode: int, force: bool) -> None:
    """A new file, never readable by more than ``mode`` says, and never through a link. Raises OSError."""
    if not force:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        return
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
