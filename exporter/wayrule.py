"""One rule by which a virtual machine is known to be governed by a tool. A value; ``exporter.ways`` applies it."""

from dataclasses import dataclass

NOVA = "nova"
CINDER = "cinder"
TERRAFORM = "terraform"
ANSIBLE = "ansible"
KUBERNETES = "kubernetes"
NSX = "nsx"
SITE_RECOVERY = "site_recovery"
VSPHERE = "vsphere"
EXTENSION = "extension"
HAND = "hand"
UNKNOWN = "unknown"

BUILT_IN = (NOVA, CINDER, TERRAFORM, ANSIBLE, KUBERNETES, NSX, SITE_RECOVERY, VSPHERE, EXTENSION, HAND, UNKNOWN)
"""The ways that are always told apart. ``extension``: of an extension of vCenter that no rule names. ``hand``: nothing
speaks for any tool. ``unknown``: the configuration of the machine, or its tags, were not read, so that nothing can be
said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayRule:
    """A machine that meets every condition which is not None goes the way ``way``. At least one is given.

    Conditions are shell globs, and letters of either case are the same. ``extension`` is about managedBy.extensionKey,
    ``annotation`` about the notes, ``attribute`` about name and value of a custom attribute, ``folder`` about the
    inventory path of a folder that the machine is in, at whatever depth, ``tag`` about ``category/name`` of one of its
    tags, ``vm`` about its name. ``name`` is what the rule is called, ``source`` where the fact stands that it is built
    on.
    """

    way: str
    name: str
    extension: str | None = None
    annotation: str | None = None
    attribute: tuple[str, str] | None = None
    folder: str | None = None
    tag: str | None = None
    vm: str | None = None
    source: str = ""
