"""The rules that hold where the configuration has none of its own, each with the source of its fact. Data.

What a tool leaves in vCenter is certain only where it sets ``managedBy``, the property for it (vSphere API reference,
ManagedByInfo: "the extension responsible for the life-cycle of the entity"). Terraform's vsphere provider and Ansible's
community.vmware leave nothing by themselves: notes and custom attributes are whatever a plan or playbook says. So only
the customary words are looked for, and a site that writes others says so in ``ways``.
"""

from exporter import wayrule
from exporter.wayrule import WayRule

_EXTENSIONS = (
    (
        wayrule.VSPHERE,
        "vsphere.agents",
        "com.vmware.vim.eam",
        "Broadcom article 370219: agents of ESX Agent Manager, vCLS before 8.0 U3",
    ),
    (
        wayrule.VSPHERE,
        "vsphere.vcls",
        "VirtualCenter",
        "Broadcom article 370219: vCLS since 8.0 U3 has extensionKey VirtualCenter, type vcls-entity",
    ),
    (
        wayrule.KUBERNETES,
        "kubernetes.supervisor",
        "com.vmware.vcenter.wcp",
        "vm-operator, constants.go, ManagedByExtensionKey: VMs of vSphere with Tanzu",
    ),
    (wayrule.SITE_RECOVERY, "site_recovery.extension", "com.vmware.vcDr*", "extension key of Site Recovery Manager"),
    (wayrule.NSX, "nsx.extension", "com.vmware.nsx*", "extension keys of NSX-T, com.vmware.nsx.management.nsxt"),
    (wayrule.NSX, "nsx.vshield", "com.vmware.vShieldManager", "extension key of NSX for vSphere"),
)

_TOOLS = (wayrule.TERRAFORM, wayrule.ANSIBLE)
_VERBS = ("managed", "created", "provisioned", "deployed")
_CUSTOM = "custom, not set by the tool itself"


def _conventions() -> tuple[WayRule, ...]:
    found = []
    for tool in _TOOLS:
        found += [
            WayRule(
                way=tool,
                name=f"{tool}.annotation",
                annotation=f"*{verb} by {tool}*",
                source=f"{_CUSTOM}; 'Managed by Terraform' is HashiCorp's default description elsewhere",
            )
            for verb in _VERBS
        ]
        found += [
            WayRule(way=tool, name=f"{tool}.attribute", attribute=(f"{verb}*by", f"*{tool}*"), source=_CUSTOM)
            for verb in _VERBS
        ]
    return tuple(found)


RULES: tuple[WayRule, ...] = (
    *(WayRule(way=way, name=name, extension=key, source=source) for way, name, key, source in _EXTENSIONS),
    WayRule(
        way=wayrule.ANSIBLE,
        name="ansible.annotation",
        annotation="*ansible managed*",
        source="ansible-core, DEFAULT_MANAGED_STR: what {{ ansible_managed }} becomes unless it is configured",
    ),
    *_conventions(),
)
"""In the order in which they are tried, behind those of the configuration and Nova's and Cinder's own marks."""
