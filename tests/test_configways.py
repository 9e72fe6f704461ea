"""The section ``ways``: rules of one's own, and what is wrong with them."""

import re
from pathlib import Path

import pytest
from externals import ROOT

from exporter.configfile import load
from exporter.configways import ATTRIBUTE_KEYS, WAY_KEYS
from exporter.errors import ConfigError
from exporter.wayrule import BUILT_IN, WayRule

SOURCE = "clouds: [{name: c1, cloud: envvars}]\n"
RULES = """ways:
  - {way: terraform, folder: /DC0/vm/terraform/}
  - {way: packer, attribute: {name: built-by, value: "packer*"}, vm: "img-*"}
  - {way: team_a, attribute: {name: owner}}
  - {way: backup, extension: com.acme.*, annotation: "*proxy*"}
"""


def test_rules(tmp_path: Path) -> None:
    """In the order of the file, each named by its place; an attribute without value stands for any value."""
    path = tmp_path / "novacenter.yml"
    path.write_text(SOURCE + RULES)
    assert load(path, environ={}).ways == (
        WayRule(way="terraform", name="ways[0]", folder="/DC0/vm/terraform"),
        WayRule(way="packer", name="ways[1]", attribute=("built-by", "packer*"), vm="img-*"),
        WayRule(way="team_a", name="ways[2]", attribute=("owner", "*")),
        WayRule(way="backup", name="ways[3]", extension="com.acme.*", annotation="*proxy*"),
    )


VCENTER = "vcenters: [{name: vc1, url: 'https://h/sdk', tags: true, "


def test_tags(tmp_path: Path) -> None:
    """A rule may ask for tags where a vCenter has them read, which takes a password; not asking for them takes none."""
    path = tmp_path / "novacenter.yml"
    login, rule = "username: u, password_env: P}]\n", "ways: [{way: lab, tag: stage/*}]\n"
    path.write_text(VCENTER + login + rule)
    config = load(path, environ={"P": "x"})
    assert (config.vcenters[0].tags, config.ways) == (True, (WayRule(way="lab", name="ways[0]", tag="stage/*"),))
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("x")
    extension = "extension_key: k, tls: {client_cert: c.pem, client_key: k.pem}}]\n"
    path.write_text(VCENTER + extension)
    with pytest.raises(ConfigError, match=r":1: vcenters\[0\].tags: needs username and a password; remove it, or ext"):
        load(path, environ={})
    path.write_text(VCENTER.replace("true", "false") + extension)
    assert load(path, environ={}).vcenters[0].tags is False


def test_no_rules(tmp_path: Path) -> None:
    """Without the section there are none."""
    path = tmp_path / "novacenter.yml"
    path.write_text(SOURCE)
    assert load(path, environ={}).ways == ()


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("ways: {}", "2: ways: must be a list, but is a mapping; write a list, or [] for none"),
        ("ways:\n- {vm: a}", "3: ways[0].way: is missing; add the way that such a machine goes, such as terraform"),
        (
            "ways:\n- {way: a}",
            "3: ways[0]: is for every machine; add at least one of extension, annotation, attribute, folder, tag, vm",
        ),
        (
            "ways:\n- {way: By Hand, vm: a}",
            "3: ways[0].way: is not a name of a way; use 1 to 32 of a-z, 0-9 and '_', and begin with a letter",
        ),
        (
            "ways:\n- {way: unknown, vm: a}",
            "3: ways[0].way: is the name of a way that no rule can give; choose another",
        ),
        ("ways:\n- {way: a, folders: a}", "3: ways[0].folders: unknown key; did you mean folder?"),
        ("ways:\n- {way: a, vm: }", "3: ways[0].vm: must be text, but is without a value; "),
        (
            "ways:\n- {way: a, vm: b}\n- {way: a, vm: b, tag: c/d}",
            "4: ways[1].tag: asks for tags, but no vCenter has them read; add tags: true to one under vcenters",
        ),
        (f"ways:\n- {{way: a, vm: {'x' * 201}}}", "3: ways[0].vm: is longer than 200 characters; write a shorter glob"),
        (
            "ways:\n- {way: a, folder: vm/x}",
            "3: ways[0].folder: is not an inventory path; write for example /DC0/vm/terraform",
        ),
        (
            "ways:\n- way: a\n  attribute: {value: x}",
            "4: ways[0].attribute.name: is missing; add the name of the custom attribute",
        ),
        (
            "ways:\n" + "- {way: a, vm: b}\n" * 201,
            "2: ways: has more than 200 rules; put some together by globs",
        ),
        (
            "ways:\n" + "".join(f"- {{way: w{number}, vm: b}}\n" for number in range(33)),
            "2: ways: names more than 32 ways of its own; put some together",
        ),
    ],
)
def test_what_is_wrong(tmp_path: Path, written: str, problem: str) -> None:
    """One sentence: file, line, key, what is wrong and what to do."""
    path = tmp_path / "novacenter.yml"
    path.write_text(f"{SOURCE}{written}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    assert str(caught.value).startswith(f"{path}:{problem}")


def test_every_key_is_documented() -> None:
    """docs/configuration.md has a row for each key of a rule, and names every built-in way."""
    manual = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = manual.split("## ways\n", 1)[1].split("\n## ", 1)[0]
    keys = [*(key for key in WAY_KEYS if key != "attribute"), *(f"attribute.{key}" for key in ATTRIBUTE_KEYS)]
    assert sorted(re.findall(r"^\| `([\w.]+)` \|[^|\n]+\|[^|\n]+\|[^|\n]+\|$", section, re.MULTILINE)) == sorted(keys)
    assert all(f"`{way}`" in section for way in BUILT_IN)
