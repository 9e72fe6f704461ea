"""Nova's names -> our word for the operation, and how long each operation may take. Pure; checked against Nova itself.

Source of the names: nova 34.0.0, ``nova/objects/fields.py`` (InstanceTaskState, 42 values) and
``nova/compute/instance_actions.py`` (40 values). Which task state belongs to which action was read in
``nova/compute/{api,manager}.py``, ``nova/conductor/manager.py`` and ``nova/virt/vmwareapi/vmops.py`` of that release.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

RELEASE = "34.0.0"
"""The release of Nova whose names are listed."""

UNKNOWN = "unknown"
"""The operation of a name that is not listed: a newer Nova, or a patched one."""

ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "create": "create",
        "delete": "delete",
        "evacuate": "evacuate",
        "restore": "restore",
        "stop": "power_off",
        "start": "power_on",
        "reboot": "reboot",
        "rebuild": "rebuild",
        "revertResize": "resize_revert",
        "confirmResize": "resize_confirm",
        "resize": "resize",
        "migrate": "migrate",
        "pause": "pause",
        "unpause": "unpause",
        "suspend": "suspend",
        "resume": "resume",
        "rescue": "rescue",
        "unrescue": "unrescue",
        "changePassword": "set_password",
        "shelve": "shelve",
        "shelveOffload": "shelve_offload",
        "unshelve": "unshelve",
        "live-migration": "live_migrate",
        "live_migration_cancel": "live_migrate_cancel",
        "live_migration_force_complete": "live_migrate_force",
        "trigger_crash_dump": "crash_dump",
        "extend_volume": "extend_volume",
        "attach_interface": "attach_interface",
        "detach_interface": "detach_interface",
        "attach_volume": "attach_volume",
        "detach_volume": "detach_volume",
        "attach_share": "attach_share",
        "detach_share": "detach_share",
        "swap_volume": "swap_volume",
        "lock": "lock",
        "unlock": "unlock",
        "createBackup": "backup",
        "createImage": "snapshot",
        "resetState": "reset_state",
        "refresh_volume_attachment": "refresh_volume",
    }
)
"""Name of an instance action -> operation."""

TASK_STATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "scheduling": ("create",),
        "block_device_mapping": ("create",),
        "networking": ("create",),
        "spawning": ("create", "unshelve"),
        "image_snapshot": ("snapshot", "backup"),
        "image_snapshot_pending": ("snapshot", "backup"),
        "image_pending_upload": ("snapshot", "backup"),
        "image_uploading": ("snapshot", "backup"),
        "image_backup": ("backup",),
        "updating_password": ("set_password",),
        "resize_prep": ("resize", "migrate"),
        "resize_migrating": ("resize", "migrate"),
        "resize_migrated": ("resize", "migrate"),
        "resize_finish": ("resize", "migrate"),
        "resize_reverting": ("resize_revert",),
        "resize_confirming": ("resize_confirm",),  # listed by Nova 34, which never sets it
        "rebooting": ("reboot",),
        "reboot_pending": ("reboot",),
        "reboot_started": ("reboot",),
        "rebooting_hard": ("reboot",),
        "reboot_pending_hard": ("reboot",),
        "reboot_started_hard": ("reboot",),
        "pausing": ("pause",),
        "unpausing": ("unpause",),
        "suspending": ("suspend",),
        "resuming": ("resume",),
        "powering-off": ("power_off", "rebuild", "evacuate", "resize_revert"),
        "powering-on": ("power_on", "unshelve"),
        "rescuing": ("rescue",),
        "unrescuing": ("unrescue",),
        "rebuilding": ("rebuild", "evacuate"),
        "rebuild_block_device_mapping": ("rebuild", "evacuate"),
        "rebuild_spawning": ("rebuild", "evacuate"),
        "migrating": ("live_migrate",),
        "deleting": ("delete",),
        "soft-deleting": ("delete",),
        "restoring": ("restore",),
        "shelving": ("shelve",),
        "shelving_image_pending_upload": ("shelve",),
        "shelving_image_uploading": ("shelve",),
        "shelving_offloading": ("shelve_offload", "shelve"),
        "unshelving": ("unshelve",),
    }
)
"""Task state -> the operations that set it, the usual one first."""

EVENTLESS = frozenset({"reset_state", "refresh_volume"})
"""Operations for which Nova records no event, because they are done at once: they are never in flight."""

STATEFUL = frozenset(word for words in TASK_STATES.values() for word in words) - {"resize_confirm"}
"""Operations during which the server has a task state, so that a server without one is not doing them."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many seconds an operation may take, and why so many."""

    seconds: float
    reason: str


_CALL = Limit(60.0, "done within the API's own call: rpc_response_timeout is 60 s")
_TASK = Limit(600.0, "one vCenter task behind api_retry_count's 450 s of retries and shutdown_timeout's 60 s")
_BUILD = Limit(1800.0, "image copy, 450 s of retries, 310 s of create_vm's own, 300 s of vif_plugging_timeout")
_MOVE = Limit(1800.0, "long_rpc_timeout, which bounds Nova's own calls of a live migration, is 1800 s")
_COPY = Limit(3600.0, "copies whole disks, at 100 MB/s 360 GB an hour")

LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        **dict.fromkeys(("lock", "unlock", "reset_state", "refresh_volume"), _CALL),
        **dict.fromkeys(("delete", "restore", "power_off", "power_on", "reboot"), _TASK),
        **dict.fromkeys(("pause", "unpause", "suspend", "resume", "rescue", "unrescue"), _TASK),
        **dict.fromkeys(("attach_interface", "detach_interface", "attach_volume", "detach_volume"), _TASK),
        **dict.fromkeys(("attach_share", "detach_share", "extend_volume", "set_password", "crash_dump"), _TASK),
        **dict.fromkeys(("resize_confirm", "live_migrate_cancel", "live_migrate_force"), _TASK),
        **dict.fromkeys(("create", "rebuild", "evacuate", "unshelve"), _BUILD),
        "live_migrate": _MOVE,
        **dict.fromkeys(("resize", "resize_revert", "migrate", "shelve", "shelve_offload"), _COPY),
        **dict.fromkeys(("snapshot", "backup", "swap_volume"), _COPY),
        UNKNOWN: Limit(3600.0, "nothing is known of it, so it gets the longest limit"),
    }
)
"""The default limit of every operation. Nova's own timers are off by default (nova/conf/compute.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRule:
    """An operator's own limit for what it names; None names everything. ``flavor`` is a name, ``project`` an id."""

    seconds: float
    operation: str | None = None
    project: str | None = None
    flavor: str | None = None

    def applies(self, operation: str, *, project: str, flavor: str | None) -> bool:
        """Whether the rule is about such an operation."""
        wanted = ((self.operation, operation), (self.project, project), (self.flavor, flavor))
        return all(named is None or named == found for named, found in wanted)

    @property
    def rank(self) -> tuple[int, bool, bool, bool]:
        """How specific the rule is: by the number of things named, then operation before project before flavor."""
        named = (self.operation is not None, self.project is not None, self.flavor is not None)
        return (sum(named), *named)


class Limits:
    """The limit of an operation: of the rules that apply the most specific, the last of equals; else the default."""

    def __init__(self, rules: Iterable[LimitRule] = ()) -> None:
        self._rules = sorted(rules, key=lambda rule: rule.rank)

    def of(self, operation: str, *, project: str = "", flavor: str | None = None) -> float:
        """Seconds that ``operation``, a word of this module, may take."""
        found = LIMITS.get(operation, LIMITS[UNKNOWN]).seconds
        for rule in self._rules:
            if rule.applies(operation, project=project, flavor=flavor):
                found = rule.seconds
        return found


def of_action(name: str) -> str:
    """The operation of an instance action; UNKNOWN for a name that is not listed."""
    return ACTIONS.get(name, UNKNOWN)


def of_task_state(name: str) -> tuple[str, ...]:
    """The operations that may have set a task state, the usual one first; UNKNOWN for a name that is not listed."""
    return TASK_STATES.get(name, (UNKNOWN,))
