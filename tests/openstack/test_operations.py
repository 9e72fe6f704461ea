"""Nova's task states and actions: all listed, each with a limit, and an unknown one has a name too."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.openstack.operations import (
    ACTIONS,
    EVENTLESS,
    LIMITS,
    RELEASE,
    STATEFUL,
    TASK_STATES,
    UNKNOWN,
    LimitRule,
    Limits,
    of_action,
    of_task_state,
)

ROOT = Path(__file__).resolve().parents[2]

_TASK_STATES = """
    scheduling block_device_mapping networking spawning image_snapshot image_snapshot_pending image_pending_upload
    image_uploading image_backup updating_password resize_prep resize_migrating resize_migrated resize_finish
    resize_reverting resize_confirming rebooting reboot_pending reboot_started rebooting_hard reboot_pending_hard
    reboot_started_hard pausing unpausing suspending resuming powering-off powering-on rescuing unrescuing rebuilding
    rebuild_block_device_mapping rebuild_spawning migrating deleting soft-deleting restoring shelving
    shelving_image_pending_upload shelving_image_uploading shelving_offloading unshelving
"""

_ACTIONS = """
    create delete evacuate restore stop start reboot rebuild revertResize confirmResize resize migrate pause unpause
    suspend resume rescue unrescue changePassword shelve shelveOffload unshelve live-migration live_migration_cancel
    live_migration_force_complete trigger_crash_dump extend_volume attach_interface detach_interface attach_volume
    detach_volume attach_share detach_share swap_volume lock unlock createBackup createImage resetState
    refresh_volume_attachment
"""

TASK_STATES_OF_34 = _TASK_STATES.split()
ACTIONS_OF_34 = _ACTIONS.split()


def constants(path: Path, owner: str | None = None) -> list[str]:
    """The texts that upper-case names are set to, in a module or in one of its classes."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    if owner is not None:
        body = next(node for node in body if isinstance(node, ast.ClassDef) and node.name == owner).body
    return [
        node.value.value
        for node in body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.isupper()
        and isinstance(node.value, ast.Constant)
    ]


def nova() -> Path:
    """The installed source of Nova; without it the test is skipped (CI runs it with the cloud of tests/e2e)."""
    found = sorted((ROOT / ".build/openstack/venv").glob("lib/python3*/site-packages/nova"))
    if not found:
        pytest.skip("Nova is not installed: run `make openstack-up`")
    return found[0]


def test_every_name_of_the_release_is_listed() -> None:
    """All 42 task states and 40 actions, no more and none twice, with an operation that has a limit."""
    assert sorted(TASK_STATES) == sorted(TASK_STATES_OF_34)
    assert sorted(ACTIONS) == sorted(ACTIONS_OF_34)
    assert (len(TASK_STATES), len(ACTIONS)) == (42, 40)


@pytest.mark.external
def test_the_list_is_novas_own() -> None:
    """The committed lists are what the source of the release defines."""
    source = nova()
    assert (source.parent / f"nova-{RELEASE}.dist-info").is_dir()
    assert constants(source / "objects/fields.py", "InstanceTaskState") == TASK_STATES_OF_34
    assert constants(source / "compute/instance_actions.py") == ACTIONS_OF_34


def test_every_operation_has_a_limit_and_a_reason() -> None:
    """Limits and names are about the same operations; a limit is positive and says why."""
    words = {UNKNOWN, *ACTIONS.values(), *(word for found in TASK_STATES.values() for word in found)}
    assert set(LIMITS) == words
    assert all(limit.seconds >= 60 and limit.reason for limit in LIMITS.values())
    assert len(set(ACTIONS.values())) == len(ACTIONS)


def test_what_has_a_task_state_is_known() -> None:
    """Operations without task state and without event are the ones that Nova's source shows."""
    assert set(ACTIONS.values()) - STATEFUL == {
        *("attach_interface", "detach_interface", "attach_volume", "detach_volume", "attach_share", "detach_share"),
        *("swap_volume", "extend_volume", "lock", "unlock", "reset_state", "refresh_volume", "crash_dump"),
        *("live_migrate_cancel", "live_migrate_force", "resize_confirm"),
    }
    assert EVENTLESS.isdisjoint(STATEFUL)


@pytest.mark.parametrize("name", ["building", "starting", "stopping", ""])
def test_an_unknown_name_is_not_dropped(name: str) -> None:
    """It becomes the operation ``unknown``, which has a limit; the names of SAP's rules do not exist in Nova."""
    assert (of_task_state(name), of_action(name), Limits().of(of_action(name))) == ((UNKNOWN,), UNKNOWN, 3600.0)


def test_the_most_specific_rule_wins() -> None:
    """More names beat fewer; of as many, the operation counts most; of equals the later rule holds."""
    limits = Limits(
        [
            LimitRule(seconds=7, operation="create", project="p1", flavor="big"),
            LimitRule(seconds=1),
            LimitRule(seconds=2, flavor="big"),
            LimitRule(seconds=3, project="p1"),
            LimitRule(seconds=4, operation="create"),
            LimitRule(seconds=5, project="p1", flavor="big"),
            LimitRule(seconds=6, operation="create", flavor="big"),
            LimitRule(seconds=8, operation="delete"),
            LimitRule(seconds=9, operation="delete"),
        ]
    )
    found = {
        (operation, project, flavor): limits.of(operation, project=project, flavor=flavor)
        for operation in ("create", "delete", "pause")
        for project in ("p1", "p2")
        for flavor in ("big", None)
    }
    assert found == {
        ("create", "p1", "big"): 7,
        ("create", "p1", None): 4,
        ("create", "p2", "big"): 6,
        ("create", "p2", None): 4,
        ("delete", "p1", "big"): 5,
        ("delete", "p1", None): 9,
        ("delete", "p2", "big"): 9,
        ("delete", "p2", None): 9,
        ("pause", "p1", "big"): 5,
        ("pause", "p1", None): 3,
        ("pause", "p2", "big"): 2,
        ("pause", "p2", None): 1,
    }


@given(st.sampled_from(sorted(LIMITS)), st.text(max_size=3), st.none() | st.text(max_size=3))
def test_without_rules_the_default_holds(operation: str, project: str, flavor: str | None) -> None:
    """Whatever the project and flavor."""
    assert Limits().of(operation, project=project, flavor=flavor) == LIMITS[operation].seconds
