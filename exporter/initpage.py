"""``novacenter init``: what was found -> the text of a configuration, with its comments. Pure.

The order is that of docs/configuration.md. What is not known is said in a comment, never guessed.
"""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from exporter import configvalues as values
from exporter.config import Secret
from exporter.configmapping import regex
from exporter.configvalues import BadValueError
from exporter.novaconf import Keystone, Use

_COMMENT_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a secret is to be found: a file beside the configuration, or a variable of the environment."""

    secret: Secret | None
    file: str | None = None
    variable: str | None = None

    def lines(self, key: str) -> Iterator[str]:
        """``password_file: ...`` or ``password_env: ...``."""
        if self.variable is not None:
            yield f"{key}_env: {self.variable}"
        elif self.file is not None:
            yield f"{key}_file: {scalar(self.file)}"


@dataclass(frozen=True, slots=True)
class VCenterPlan:
    """One vCenter. The user of the first of ``uses`` is taken. ``switches`` are Neutron's, by physical network."""

    name: str
    url: str
    uses: tuple[Use, ...]
    password: Kept
    ca_readable: bool = True
    switches: Mapping[str, str | None] = field(default_factory=dict)

    def of(self, service: str) -> tuple[Use, ...]:
        """The uses by Nova or by Cinder."""
        return tuple(use for use in self.uses if use.service == service)


@dataclass(frozen=True, slots=True)
class CloudPlan:
    """The cloud. ``auth_url`` as the configuration takes it; ``clear`` where it is not encrypted."""

    name: str
    keystone: Keystone | None
    auth_url: str = ""
    clear: bool = False
    ca_readable: bool = True
    password: Kept = field(default_factory=lambda: Kept(None))


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is written. ``sources`` are the files that were read, ``switches`` those of no known vCenter.

    ``nsx`` says whether Neutron has a plugin of NSX.
    """

    sources: tuple[str, ...]
    vcenters: tuple[VCenterPlan, ...]
    cloud: CloudPlan
    switches: Mapping[str, str | None] = field(default_factory=dict)
    nsx: bool = False


def scalar(text: str) -> str:
    """Text as a YAML scalar, quoted where it must be."""
    dumped: str = yaml.safe_dump([text], allow_unicode=True, width=2**31, default_flow_style=True)
    return dumped.strip()[1:-1]


def page(plan: Plan) -> str:
    """The whole configuration."""
    lines = [
        *_comment(f"Written by novacenter init from {', '.join(plan.sources)}."),
        "# docs/configuration.md says what else there is; novacenter check says whether all of this works.",
        "",
        "listen: 127.0.0.1:9272   # where /metrics is served",
        "state: /var/lib/novacenter",
        "",
        "vcenters:",
    ]
    for vcenter in plan.vcenters:
        lines += _indented(_vcenter(vcenter))
    if plan.switches:
        lines += ["", *_comment(_networks(plan.switches))]
    lines += ["", *_cloud(plan)]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text in one line that cannot end a comment, whatever came from a file."""
    plain = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return plain if len(plain) <= _COMMENT_LIMIT else plain[: _COMMENT_LIMIT - 3] + "..."


def _comment(text: str) -> list[str]:
    """A comment, in as many lines as it takes."""
    return [f"# {line}" for line in textwrap.wrap(_plain(text), 110, break_on_hyphens=False)]


def _indented(item: Iterable[str]) -> Iterator[str]:
    """An entry of a list: its first line that is no comment gets the dash."""
    begun = False
    for line in item:
        mark = "- " if not begun and not line.startswith("#") else "  "
        begun = begun or mark == "- "
        yield f"  {line}" if mark == "  " and not begun else f"  {mark}{line}"


def _vcenter(plan: VCenterPlan) -> Iterator[str]:
    first = plan.uses[0]
    for use in plan.uses:
        yield from _comment(_use(use))
    if plan.switches:
        yield from _comment(_networks(plan.switches))
    yield f"name: {scalar(plan.name)}"
    yield f"url: {scalar(plan.url)}"
    yield f"# {first.service}'s own user. The role Read-only is enough: better make a user for monitoring alone."
    yield f"username: {scalar(first.username or '')}"
    yield from plan.password.lines("password")
    yield from _trust(first.service, ca_file=first.ca_file, insecure=first.insecure, readable=plan.ca_readable)
    yield from _watched(plan)
    for service, key in (("Nova", "nova_users"), ("Cinder", "cinder_users")):
        users = list(dict.fromkeys(use.username for use in plan.of(service) if use.username))
        if users:
            yield f"{key}: [{', '.join(scalar(user) for user in users)}]"


def _use(use: Use) -> str:
    where = f"nova-compute on {use.where}" if use.service == "Nova" else f"Cinder's backend {use.where}"
    clusters = f"cluster {', '.join(use.clusters)}" if use.clusters else "no cluster named"
    datastores = f", datastores that match {use.datastores}" if use.datastores else ""
    return f"{where}: {clusters}{datastores}" if use.service == "Nova" else f"{where}{datastores}"


def _networks(switches: Mapping[str, str | None]) -> str:
    told = (f"{name} (switch {switch})" if switch else name for name, switch in switches.items())
    return f"Neutron's physical networks: {', '.join(told)}"


def _trust(service: str, *, ca_file: str | None, insecure: bool, readable: bool) -> Iterator[str]:
    """``tls``, as the service has it."""
    if ca_file is not None and readable:
        yield f"tls: {{ca_file: {scalar(ca_file)}}}"
    elif ca_file is not None:
        yield from _comment(f"{service} trusts the CA in {ca_file}, which cannot be read here. Copy it, and name it:")
        yield "# tls: {ca_file: ca.pem}"
    elif insecure:
        yield f"# {service} verifies no certificate (insecure). Better set ca_file, or for a vCenter thumbprint."
        yield "tls: {insecure: true}"


def _watched(plan: VCenterPlan) -> Iterator[str]:
    clusters = list(dict.fromkeys(cluster for use in plan.of("Nova") for cluster in use.clusters))
    if clusters:
        globs = ", ".join(scalar("*/" + _escaped(cluster)) for cluster in clusters)
        yield "# To watch, of the clusters, Nova's alone:"
        yield f"# objects: {{cluster: {{include: [{_plain(globs)}]}}}}"


def _escaped(name: str) -> str:
    """A name that a glob takes literally."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _cloud(plan: Plan) -> Sequence[str]:
    cloud, login = plan.cloud, plan.cloud.keystone
    driven = f"vcenters: [{', '.join(scalar(vcenter.name) for vcenter in plan.vcenters if vcenter.of('Nova'))}]"
    if login is None or not login.complete:
        where = f"Keystone at {cloud.auth_url}" if cloud.auth_url else "Keystone"
        return [
            *_comment(f"How to log in to {where}, these files do not say. Name an entry of clouds.yaml:"),
            "# clouds:",
            f"#   - name: {scalar(cloud.name)}",
            f"#     cloud: {scalar(cloud.name)}",
            *([] if login is None or login.region is None else [f"#     region: {scalar(login.region)}"]),
            f"#     {driven}",
            *(f"#     {line}" for line in _mapping(plan)),
        ]
    return ["clouds:", *_indented([*_login(cloud, login), driven, *_mapping(plan)])]


def _mapping(plan: Plan) -> Iterator[str]:
    """What the files say of switches, clusters and datastores of the cloud's vCenters; nothing where they do not."""
    own = [vcenter for vcenter in plan.vcenters if vcenter.of("Nova")]
    switches = [*plan.switches.items(), *(pair for vcenter in own for pair in vcenter.switches.items())]
    networks = [f"{name}:{switch}" for name, switch in switches if switch and _is_accepted(values.text, name + switch)]
    clusters = {name: use.datastores for vcenter in own for use in vcenter.of("Nova") for name in use.clusters}
    backends = {
        use.where: use.datastores
        for vcenter in own
        for use in vcenter.of("Cinder")
        if use.datastores and _is_accepted(regex, use.datastores)
    }
    lines = [
        *([f"  physical_networks: [{', '.join(map(scalar, networks))}]"] if networks else []),
        *_named("clusters", clusters),
        *_named("cinder_backends", backends),
        *(["  nsx: true"] if plan.nsx else []),
    ]
    if lines:
        yield "mapping:"
        yield from lines


def _named(key: str, found: Mapping[str, str | None]) -> Iterator[str]:
    """A list of names, each with its ``datastore_regex``."""
    found = {name: written for name, written in found.items() if _is_accepted(values.text, name)}
    if found:
        yield f"  {key}:"
    for name, written in found.items():
        if written and _is_accepted(regex, written):
            yield f"    - {{name: {scalar(name)}, datastore_regex: {scalar(written)}}}"
        else:
            yield f"    - {scalar(name)}"


def _is_accepted(check: Callable[[object], object], value: str) -> bool:
    """Whether the configuration takes a value: what it does not is better left out than written."""
    try:
        check(value)
    except BadValueError:
        return False
    return True


def _login(cloud: CloudPlan, login: Keystone) -> Iterator[str]:
    yield f"name: {scalar(cloud.name)}"
    yield f"auth_url: {scalar(cloud.auth_url)}"
    yield from _comment(
        f"The login of [{login.group}] in {login.conf.name}. Nova shows the servers of all projects to the role admin "
        "only: better make a user with it for monitoring alone, or name an entry of clouds.yaml by cloud."
    )
    if login.application_credential and login.secret:
        yield f"application_credential_id: {scalar(login.application_credential)}"
        yield from cloud.password.lines("secret")
    else:
        yield f"username: {scalar(login.username or '')}"
        yield from cloud.password.lines("password")
        yield f"project_name: {scalar(login.project or '')}"
        yield f"user_domain_name: {scalar(login.user_domain or '')}"
        yield f"project_domain_name: {scalar(login.project_domain or '')}"
    if login.region:
        yield f"region: {scalar(login.region)}"
    if login.interface:
        yield f"interface: {login.interface}"
    if cloud.clear:
        yield "# Nova speaks to Keystone without encryption, password included. Better write https:// above."
        yield "tls: {insecure: true}"
    else:
        yield from _trust("Nova", ca_file=login.ca_file, insecure=login.insecure, readable=cloud.ca_readable)
