"""The files of oslo.config: nova.conf, cinder.conf, ml2_conf.ini -> what they know of vCenters and of Keystone. Pure.

Read with the standard library's parser and oslo.config's three additions (oslo_config/iniparser.py and cfg.py, 10.7.0):
quotes around a value, ``$name`` in a value, names of groups in any case. oslo.config itself would be exact, but it
reads only options that are declared to it, and brings seven packages for these few. Errors quote no value, which may
be a secret.
"""

import configparser
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from exporter.config import Secret
from exporter.errors import ConfigError

_NO_DEFAULTS = "\0"  # oslo.config does not hand DEFAULT down to the other groups
_DEPTH = 8  # of a value that refers to a value that refers...


class _Template(string.Template):
    idpattern = r"[_a-z][\._a-z0-9]*"  # cfg.py, ConfigOpts.Template


@dataclass(frozen=True, slots=True, repr=False)
class Conf:
    """One file: ``name`` as the operator named it, and its groups. Group names are in lower case, but for DEFAULT."""

    name: str
    groups: Mapping[str, Mapping[str, str]]

    def get(self, group: str, option: str) -> str | None:
        """A value with its ``$name`` replaced, where they are in this file; None where it is missing or empty."""
        return self.value(group, option, depth=_DEPTH) or None

    def flag(self, group: str, option: str) -> bool:
        """A boolean of oslo.config; False where it is missing or no such word."""
        return (self.get(group, option) or "").lower() in {"true", "1", "on", "yes"}

    def words(self, group: str, option: str) -> tuple[str, ...]:
        """A list: what stands between commas."""
        return tuple(filter(None, (word.strip() for word in (self.get(group, option) or "").split(","))))

    def error(self, group: str, problem: str) -> ConfigError:
        """``problem`` (``what is wrong; what to do``) of a group as an error."""
        return ConfigError(f"{self.name}: [{group}] {problem}")

    def value(self, group: str, option: str, *, depth: int) -> str | None:
        """As ``get``; at ``depth`` 0 a ``$name`` stays as it is written, and so does one that is not in this file."""
        value = self.groups.get(group, {}).get(option)
        if value is None or "$" not in value or not depth:
            return value
        return _Template(value.replace(r"\$", "$$")).safe_substitute(_Values(self, group, depth - 1))


class _Values(dict[str, str]):
    """What ``$name`` stands for in a group: the option of this group, else of DEFAULT; ``$group.name`` that one."""

    def __init__(self, conf: Conf, group: str, depth: int) -> None:
        super().__init__()
        self._conf = conf
        self._group = group
        self._depth = depth

    def __missing__(self, key: str) -> str:
        group, dot, option = key.partition(".")
        places = ((_group_name(group), option),) if dot else ((self._group, key), ("DEFAULT", key))
        for place in places:
            found = self._conf.value(*place, depth=self._depth)
            if found is not None:
                return found
        raise KeyError(key)


def parse(text: str, name: str) -> Conf:
    """The file ``name``. Raises ConfigError that names the line."""
    parser = configparser.RawConfigParser(
        strict=False, empty_lines_in_values=False, default_section=_NO_DEFAULTS, delimiters=("=", ":")
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.MissingSectionHeaderError as error:
        raise ConfigError(f"{name}:{error.lineno}: is no file of oslo.config; it begins with a [group]") from None
    except configparser.ParsingError as error:
        line = error.errors[0][0] if error.errors else 1
        raise ConfigError(f"{name}:{line}: is not NAME = VALUE; correct this line or the one before it") from None
    groups: dict[str, dict[str, str]] = {}
    for section in parser.sections():
        group = groups.setdefault(_group_name(section), {})
        group.update({option: _unquoted(value) for option, value in parser.items(section)})
    return Conf(name, groups)


def _group_name(written: str) -> str:
    return written if written == "DEFAULT" else written.lower()


def _unquoted(value: str) -> str:
    first, newline, rest = value.partition("\n")
    if first and first[0] == first[-1] and first[0] in "\"'":
        first = first[1:-1]
    return first + newline + rest


# --- vCenters --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Use:
    """How a service uses a vCenter. ``where`` is the host of a nova-compute, or the backend of Cinder."""

    conf: Conf = field(repr=False)
    group: str
    service: str
    where: str
    host: str
    port: int = 443
    username: str | None = None
    password: Secret | None = None
    ca_file: str | None = None
    insecure: bool = False
    clusters: tuple[str, ...] = ()
    datastores: str | None = None


def nova_use(conf: Conf) -> Use | None:
    """``[vmware]`` of a nova.conf (nova/conf/vmware.py, 34.0.0); None without that group. Raises ConfigError."""
    if "vmware" not in conf.groups:
        return None
    where = conf.get("DEFAULT", "host") or conf.name
    return _use(conf, "vmware", service="Nova", where=where, prefix="")


def cinder_uses(conf: Conf) -> tuple[Use, ...]:
    """The enabled backends of a cinder.conf on VMware (cinder/volume/drivers/vmware/vmdk.py). Raises ConfigError."""
    enabled = {name.lower() for name in conf.words("DEFAULT", "enabled_backends")}
    return tuple(
        _use(conf, group, service="Cinder", where=group, prefix="vmware_")
        for group in conf.groups
        if conf.get(group, "vmware_host_ip") and (not enabled or group.lower() in enabled)
    )


def _use(conf: Conf, group: str, *, service: str, where: str, prefix: str) -> Use:
    def get(option: str) -> str | None:
        return conf.get(group, prefix + option)

    host, port, password = get("host_ip"), get("host_port") or "443", get("host_password")
    if host is None:
        raise conf.error(group, f"has no {prefix}host_ip; give the nova.conf of a host that runs nova-compute")
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise conf.error(group, f"{prefix}host_port is no port; write a number from 1 to 65535")
    ca_file = get("ca_file")
    return Use(
        conf=conf,
        group=group,
        service=service,
        where=where,
        host=host.lower().strip("[]"),
        port=int(port),
        username=get("host_username"),
        password=Secret(password) if password else None,
        ca_file=ca_file,
        # nova/conf/vmware.py: "This option is ignored if ca_file is set"
        insecure=conf.flag(group, f"{prefix}insecure") and ca_file is None,
        clusters=tuple(filter(None, (get("cluster_name"),))),
        datastores=get("datastore_regex"),
    )


# --- Neutron ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Networks:
    """Physical networks and the distributed switch of each, None where not said; ``host`` of the vCenter, if said.

    ``nsx`` says whether a plugin of NSX is configured.
    """

    switches: Mapping[str, str | None]
    host: str | None = None
    nsx: bool = False


_NETWORK_MAPS = (("ml2_vmware", "network_maps"), ("dvs", "network_maps"))
"""networking-vsphere's and networking-dvs's mapping of physical networks to switches."""


_NSX = frozenset({"nsx", "nsx_p", "nsx_v3", "nsxv"})
"""Groups of vmware-nsx's plugins (vmware_nsx/common/config.py)."""


def networks(conf: Conf) -> Networks:
    """What an ml2_conf.ini says: flat and VLAN networks, and the mapping to switches of the DVS drivers."""
    flat = [name for name in conf.words("ml2_type_flat", "flat_networks") if name != "*"]
    vlan = [word.split(":")[0] for word in conf.words("ml2_type_vlan", "network_vlan_ranges")]
    switches: dict[str, str | None] = dict.fromkeys([*flat, *vlan])
    for group, option in _NETWORK_MAPS:
        for word in conf.words(group, option):
            physical, _, switch = word.partition(":")
            switches[physical.strip()] = switch.strip() or None
    host = conf.get("ml2_vmware", "vsphere_hostname") or conf.get("ml2_vmware", "host_ip")
    return Networks(switches, host.lower() if host else None, nsx=not _NSX.isdisjoint(conf.groups))


# --- Keystone --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Keystone:
    """How Nova logs in to Keystone. Either user, password and project are known, or an application credential."""

    conf: Conf = field(repr=False)
    group: str
    auth_url: str
    username: str | None = None
    password: Secret | None = None
    project: str | None = None
    user_domain: str | None = None
    project_domain: str | None = None
    application_credential: str | None = None
    secret: Secret | None = None
    ca_file: str | None = None
    insecure: bool = False
    region: str | None = None
    interface: str | None = None

    @property
    def complete(self) -> bool:
        """Whether that is enough to log in."""
        user = self.username and self.password and self.project and self.user_domain and self.project_domain
        return bool(user or (self.application_credential and self.secret))


_GROUPS = ("keystone_authtoken", "service_user", "placement", "neutron", "cinder", "glance")
_INTERFACES = ("public", "internal", "admin")


def keystone(confs: tuple[Conf, ...]) -> Keystone | None:
    """The login of the first group that has a whole one, else of the first with a URL; None where none has one."""
    found = [login for conf in confs for login in _logins(conf)]
    return next((login for login in found if login.complete), next(iter(found), None))


def _logins(conf: Conf) -> Iterator[Keystone]:
    region = _first(conf, "region_name", "os_region_name")
    offered = (word for group in _GROUPS for word in conf.words(group, "valid_interfaces"))
    interface = next((word for word in offered if word in _INTERFACES), None)
    for named in _GROUPS:
        group = _group_name(conf.get(named, "auth_section") or named)  # keystoneauth: "auth_section"
        url = conf.get(group, "auth_url") or conf.get(named, "www_authenticate_uri") or conf.get(named, "auth_uri")
        if url is None:
            continue
        password, secret = conf.get(group, "password"), conf.get(group, "application_credential_secret")
        yield Keystone(
            conf=conf,
            group=group,
            auth_url=url,
            username=conf.get(group, "username") or conf.get(group, "user_name"),
            password=Secret(password) if password else None,
            project=conf.get(group, "project_name") or conf.get(group, "tenant_name"),
            user_domain=_domain(conf, group, "user_domain"),
            project_domain=_domain(conf, group, "project_domain"),
            application_credential=conf.get(group, "application_credential_id"),
            secret=Secret(secret) if secret else None,
            ca_file=conf.get(named, "cafile"),
            insecure=conf.flag(named, "insecure"),
            region=region,
            interface=interface,
        )


def _first(conf: Conf, *options: str) -> str | None:
    found = (conf.get(group, option) for group in reversed(_GROUPS) for option in options)
    return next(filter(None, found), None)


def _domain(conf: Conf, group: str, which: str) -> str | None:
    """The domain's name. Of ids only that of the default domain tells it (Identity API v3: ``default``, Default)."""
    by_id = conf.get(group, f"{which}_id") or conf.get(group, "default_domain_id")
    name = conf.get(group, f"{which}_name") or conf.get(group, "default_domain_name")
    return name or ("Default" if by_id == "default" else None)
