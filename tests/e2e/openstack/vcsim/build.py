"""Builds this vcsim with a corrected copy of govmomi's simulator: ``build.py OUTPUT``.

Go refuses ``-overlay`` on its module cache, so the corrections go into a vendored copy. ``tests/vcsim/strict.go`` is
copied along, so that the strict PerformanceManager exists once.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
GO = ROOT / "tools" / "go.sh"

SAME_DATACENTER = """\
	if req.DestinationDatacenter == nil {
		req.DestinationDatacenter = req.SourceDatacenter
	}
"""


def _file_method(name: str, request: str) -> str:
    return f"func (f *FileManager) {name}(req *types.{request}) types.BaseMethodFault {{\n"


# file of package simulator: (text, replacement), ...; each text must occur exactly once
CORRECTIONS = {
    "property_collector.go": [
        # A TraversalSpec applies to objects of its type only. Without this, the spec that oslo.vmware uses goes round
        # VirtualMachine.resourcePool -> ResourcePool.vm until the stack overflows.
        (
            "		f, _ := fieldValue(obj, ts.Path)\n",
            """\
		if ts.Type != "" && obj.Type().Name() != ts.Type {
			if field, ok := obj.Type().FieldByName(ts.Type); !ok || !field.Anonymous {
				continue
			}
		}
		f, _ := fieldValue(obj, ts.Path)
""",
        ),
        # The driver lists its VMs by config.extraConfig["nvp.vm-uuid"].
        ("		val, err := fieldValue(rval, name)\n", "		val, err := keyedFieldValue(rval, name)\n"),
    ],
    # The destination's datacenter defaults to the source's.
    "file_manager.go": [
        (text, text + SAME_DATACENTER)
        for text in (
            _file_method("copyDatastoreFile", "CopyDatastoreFile_Task"),
            _file_method("moveDatastoreFile", "MoveDatastoreFile_Task"),
        )
    ],
    # No search specification means every file.
    "host_datastore_browser.go": [
        (
            "func (s *searchDatastore) Run(task *Task) (types.AnyType, types.BaseMethodFault) {\n",
            """\
func (s *searchDatastore) Run(task *Task) (types.AnyType, types.BaseMethodFault) {
	if s.SearchSpec == nil {
		s.SearchSpec = new(types.HostDatastoreBrowserSearchSpec)
	}
	if len(s.SearchSpec.MatchPattern) == 0 {
		s.SearchSpec.MatchPattern = []string{"*"}
	}
""",
        )
    ],
    # A task may be told to stay running for a while, or to end with a fault.
    "task.go": [
        (
            "	res, err := t.Execute(t)\n",
            """\
	if delay := ruledDelay(t); delay > 0 {
		go func() {
			time.Sleep(delay)
			Map.WithLock(*t.Info.Entity, func() { t.complete() })
		}()
		return t.Self
	}
	return t.complete()
}

func (t *Task) complete() types.ManagedObjectReference {
	var now time.Time
	res, err := ruledExecute(t)
""",
        )
    ],
    # The driver reads the SCSI controller's own unit number (7 unless changed) on resize and rescue.
    "virtual_machine.go": [
        (
            "	var controller types.BaseVirtualController\n\n	if d.Key <= 0 {\n",
            """\
	var controller types.BaseVirtualController
	if c, ok := device.(types.BaseVirtualSCSIController); ok {
		c.GetVirtualSCSIController().ScsiCtlrUnitNumber = 7
	}

	if d.Key <= 0 {
""",
        )
    ],
    # A vCenter takes a destination spec; its disk type does not matter here.
    "virtual_disk_manager.go": [
        ("			if Map.IsVPX() {\n				return nil, new(types.NotImplemented)\n			}\n", "")
    ],
}


def corrected(text: str, changes: list[tuple[str, str]]) -> str:
    """The source with every change made; a text that does not occur exactly once ends the build."""
    for old, new in changes:
        if text.count(old) != 1:
            sys.exit(f"expected once, found {text.count(old)} times: {old!r}")
        text = text.replace(old, new)
    return text


def go(folder: Path, *arguments: str | Path) -> None:
    """Run ``tools/go.sh`` in a folder."""
    subprocess.run([GO, *arguments], cwd=folder, check=True)


def assemble(folder: Path) -> None:
    """Put this module into ``folder``, with what it needs of govmomi as vendored, corrected and completed sources."""
    for source in (*HERE.glob("*.go"), HERE / "go.mod", HERE / "go.sum", ROOT / "tests" / "vcsim" / "strict.go"):
        shutil.copy(source, folder)
    go(folder, "mod", "vendor")
    simulator = folder / "vendor/github.com/vmware/govmomi/simulator"
    for name, changes in CORRECTIONS.items():
        file = simulator / name
        file.write_text(corrected(file.read_text(encoding="utf-8"), changes), encoding="utf-8")
    for added in (HERE / "_govmomi" / "simulator").glob("*.go"):
        shutil.copy(added, simulator / f"novacenter_{added.name}")


def main(output: Path) -> None:
    """Build ``output``."""
    with tempfile.TemporaryDirectory() as scratch:
        assemble(Path(scratch))
        go(Path(scratch), "build", "-mod=vendor", "-o", output.resolve(), ".")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
