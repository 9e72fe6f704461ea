"""Files of oslo.config: what is read from them is what oslo.config reads, and nothing of them is in an error."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Secret
from exporter.errors import ConfigError
from exporter.novaconf import Networks, cinder_uses, keystone, networks, nova_use, parse

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".build/openstack/venv/bin/python"

TRICKY = r"""
# a comment = no option
[DEFAULT]
host = compute-1
base = ab
empty =
first: colon
url = http://h:1/x=y
[vmware]
host_ip=  vc.example
; another comment
single = 'in quotes'
double = "in quotes"
half = "half
inner = a "b" c
hash = a # b
percent = %(base)s 100%
repeated = one
repeated = two
own = $local-$base-${base}x
local = L
group = $keystone_authtoken.password
escaped = \$base $$base
nested = $own
Case = upper
case = lower
lines = one
  two
   three

[Keystone_AuthToken]
password = p@ss:w=rd
[VMWARE]
later = same group
"""

ORACLE = """
import json, sys
from oslo_config import cfg
conf = cfg.ConfigOpts()
wanted = json.loads(sys.argv[2])
for group, option in wanted:
    conf.register_opt(cfg.StrOpt(option), group=None if group == "DEFAULT" else group)
conf(args=[], default_config_files=[sys.argv[1]], project="none")
values = {f"{group}.{option}": (conf if group == "DEFAULT" else conf[group])[option] for group, option in wanted}
print(json.dumps(values))
"""


def test_values_are_those_of_oslo_config(tmp_path: Path) -> None:
    """Quotes, comments, repetition, continuation, substitution: each value is what oslo.config itself reads."""
    conf = parse(TRICKY, "nova.conf")
    read = {f"{group}.{option}": conf.get(group, option) for group in conf.groups for option in conf.groups[group]}

    assert read == {
        "DEFAULT.host": "compute-1",
        "DEFAULT.base": "ab",
        "DEFAULT.empty": None,
        "DEFAULT.first": "colon",
        "DEFAULT.url": "http://h:1/x=y",
        "vmware.host_ip": "vc.example",
        "vmware.single": "in quotes",
        "vmware.double": "in quotes",
        "vmware.half": '"half',
        "vmware.inner": 'a "b" c',
        "vmware.hash": "a # b",
        "vmware.percent": "%(base)s 100%",
        "vmware.repeated": "two",
        "vmware.own": "L-ab-abx",
        "vmware.local": "L",
        "vmware.group": "p@ss:w=rd",
        "vmware.escaped": "$base $base",
        "vmware.nested": "L-ab-abx",
        "vmware.Case": "upper",
        "vmware.case": "lower",
        "vmware.lines": "one\ntwo\nthree",
        "vmware.later": "same group",
        "keystone_authtoken.password": "p@ss:w=rd",
    }
    if not PYTHON.is_file():
        pytest.skip("no oslo.config here to compare with: `make openstack-up` installs one")
    (tmp_path / "nova.conf").write_text(TRICKY)
    wanted = [key.split(".") for key in read]
    command = [PYTHON, "-c", ORACLE, tmp_path / "nova.conf", json.dumps(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert {key: value or None for key, value in json.loads(done.stdout).items()} == read


def test_values_that_refer_to_nothing_or_to_themselves() -> None:
    """What oslo.config ends with an error at, we leave as it is written: Nova alone knows an option's default."""
    conf = parse("[DEFAULT]\na = $b\nb = $a\nc = $state_path/x $ $DEFAULT.d\nd = 1\n", "nova.conf")

    assert "$" in (conf.get("DEFAULT", "a") or "")
    assert conf.get("DEFAULT", "c") == "$state_path/x $ 1"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("password = correct-horse\n", "nova.conf:1: is no file of oslo.config; it begins with a [group]"),
        ("[a]\n\ncorrect-horse\n", "nova.conf:3: is not NAME = VALUE; correct this line or the one before it"),
        ("[a]\n= correct-horse\n", "nova.conf:2: is not NAME = VALUE; correct this line or the one before it"),
    ],
)
def test_no_such_file(text: str, problem: str) -> None:
    """What oslo.config would refuse is refused, with the line and without what stands there."""
    with pytest.raises(ConfigError) as raised:
        parse(text, "nova.conf")
    assert str(raised.value) == problem


@given(st.text())
def test_any_text(text: str) -> None:
    """Any text is read or refused in one sentence."""
    try:
        conf = parse(text, "nova.conf")
    except ConfigError as error:
        message = str(error)
        assert message.startswith("nova.conf:"), message
    else:
        assert all(isinstance(conf.get(group, key) or "", str) for group in conf.groups for key in conf.groups[group])


def test_nova() -> None:
    """``[vmware]`` with the defaults of Nova; ``insecure`` does not count beside ``ca_file``."""
    conf = parse(
        "[DEFAULT]\nhost=c1\n[vmware]\nhost_ip=VC.example\nhost_password=x\nca_file=/ca\ninsecure=1\n", "n.conf"
    )
    use = nova_use(conf)

    assert use is not None
    assert (use.service, use.where, use.host, use.port, use.username) == ("Nova", "c1", "vc.example", 443, None)
    assert (use.password, use.ca_file, use.insecure, use.clusters) == (Secret("x"), "/ca", False, ())
    assert nova_use(parse("[DEFAULT]\n", "n.conf")) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[vmware]\n", "n.conf: [vmware] has no host_ip; give the nova.conf of a host that runs nova-compute"),
        (
            "[vmware]\nhost_ip=a\nhost_port=99999\n",
            "n.conf: [vmware] host_port is no port; write a number from 1 to 65535",
        ),
        ("[vmware]\nhost_ip=a\nhost_port=x\n", "n.conf: [vmware] host_port is no port; write a number from 1 to 65535"),
    ],
)
def test_nova_incomplete(text: str, problem: str) -> None:
    """What is missing or wrong in ``[vmware]`` is said with file and option."""
    with pytest.raises(ConfigError) as raised:
        nova_use(parse(text, "n.conf"))
    assert str(raised.value) == problem


def test_cinder() -> None:
    """Backends on VMware that are enabled; without ``enabled_backends`` all of them, DEFAULT too."""
    text = "[DEFAULT]\nenabled_backends = A\n[a]\nvmware_host_ip = vc1\n[b]\nvmware_host_ip = vc2\n[c]\nrbd_pool = x\n"

    assert [use.where for use in cinder_uses(parse(text, "c.conf"))] == ["a"]
    assert [use.where for use in cinder_uses(parse(text.replace("enabled", "#"), "c.conf"))] == ["a", "b"]
    old = parse("[DEFAULT]\nvmware_host_ip = vc1\n", "c.conf")
    assert [use.where for use in cinder_uses(old)] == ["DEFAULT"]


def test_networks() -> None:
    """Physical networks of all kinds, with the switch where one is mapped."""
    text = (
        "[ml2_type_flat]\nflat_networks = public, *\n[ml2_type_vlan]\nnetwork_vlan_ranges = p1:1:9,p2\n"
        "[DVS]\nnetwork_maps = p2:sw2, p3:sw3\n[ml2_vmware]\nvsphere_hostname = VC1\n"
    )

    expected = Networks({"public": None, "p1": None, "p2": "sw2", "p3": "sw3"}, "vc1")
    assert networks(parse(text, "ml2.ini")) == expected
    assert networks(parse("[ml2]\n", "ml2.ini")) == Networks({})
    assert networks(parse("[nsx_v3]\n", "nsx.ini")) == Networks({}, nsx=True)


LOGIN = "auth_url = https://k\nusername = nova\npassword = x\nproject_name = service\n"
DOMAINS = "user_domain_id = default\nproject_domain_name = Infra\n"


def test_keystone_whole() -> None:
    """The first group that says all is taken, region and interface from wherever they are."""
    first = parse(f"[keystone_authtoken]\n{LOGIN}", "a.conf")
    second = parse(
        f"[service_user]\n{LOGIN}{DOMAINS}insecure=true\n[neutron]\nregion_name=R1\nvalid_interfaces=internal,public\n",
        "b.conf",
    )
    found = keystone((first, second))

    assert found is not None
    assert found.complete
    assert (found.conf.name, found.group, found.user_domain, found.project_domain) == (
        "b.conf", "service_user", "Default", "Infra",
    )  # fmt: skip
    assert (found.region, found.interface, found.insecure) == ("R1", "internal", True)


def test_keystone_in_part() -> None:
    """A login that is not whole still says where Keystone is; a domain known by a strange id alone has no name."""
    found = keystone((parse(f"[keystone_authtoken]\n{LOGIN}user_domain_id = 0a1b\n", "a.conf"),))

    assert found is not None
    assert (found.auth_url, found.complete, found.user_domain) == ("https://k", False, None)
    assert keystone((parse("[DEFAULT]\n", "a.conf"),)) is None


def test_keystone_by_application_credential() -> None:
    """An application credential is a whole login."""
    text = "[keystone_authtoken]\nauth_url=https://k\napplication_credential_id=1\napplication_credential_secret=x\n"
    found = keystone((parse(text, "a.conf"),))

    assert found is not None
    assert found.complete
    assert (found.application_credential, found.secret) == ("1", Secret("x"))
