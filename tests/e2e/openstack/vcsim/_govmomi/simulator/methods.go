// Methods that Nova's VMware driver calls and the simulator of govmomi 0.24 lacks. build.py lays this file into it.

package simulator

import (
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ExtensionManager keeps what is registered: the driver marks its VMs as managed by its own extension.
type ExtensionManager struct {
	mo.ExtensionManager
}

func (m *ExtensionManager) FindExtension(req *types.FindExtension) soap.HasFault {
	res := new(types.FindExtensionResponse)
	for i := range m.ExtensionList {
		if m.ExtensionList[i].Key == req.ExtensionKey {
			res.Returnval = &m.ExtensionList[i]
		}
	}
	return &methods.FindExtensionBody{Res: res}
}

func (m *ExtensionManager) RegisterExtension(req *types.RegisterExtension) soap.HasFault {
	m.ExtensionList = append(m.ExtensionList, req.Extension)
	return &methods.RegisterExtensionBody{Res: new(types.RegisterExtensionResponse)}
}

// FindAllByUuid: the driver finds the VM of a server by its instance UUID.
func (s *SearchIndex) FindAllByUuid(req *types.FindAllByUuid) soap.HasFault {
	res := new(types.FindAllByUuidResponse)
	Map.m.Lock()
	defer Map.m.Unlock()
	for ref, obj := range Map.objects {
		if vm, ok := asVirtualMachineMO(obj); ok && req.VmSearch {
			uuid := vm.Config.Uuid
			if req.InstanceUuid != nil && *req.InstanceUuid {
				uuid = vm.Config.InstanceUuid
			}
			if uuid == req.Uuid {
				res.Returnval = append(res.Returnval, ref)
			}
		}
	}
	return &methods.FindAllByUuidBody{Res: res}
}

// ExtendVirtualDiskTask does nothing: a disk's file has no content here.
func (m *VirtualDiskManager) ExtendVirtualDiskTask(_ *Context, req *types.ExtendVirtualDisk_Task) soap.HasFault {
	task := CreateTask(m, "extendVirtualDisk", func(*Task) (types.AnyType, types.BaseMethodFault) {
		return nil, nil
	})
	return &methods.ExtendVirtualDisk_TaskBody{Res: &types.ExtendVirtualDisk_TaskResponse{Returnval: task.Run()}}
}

// RebootGuest leaves the VM powered on.
func (vm *VirtualMachine) RebootGuest(ctx *Context, req *types.RebootGuest) soap.HasFault {
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
		return &methods.RebootGuestBody{Fault_: Fault("", &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOn,
			ExistingState:  vm.Runtime.PowerState,
		})}
	}
	return &methods.RebootGuestBody{Res: new(types.RebootGuestResponse)}
}
