// What build.py's corrections of the simulator of govmomi 0.24 call.

package simulator

import (
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// TaskRule, when set, says for the name of a task that starts (powerOn, reconfigVm, createVm, copyVirtualDisk...) how
// long it stays running and the fault that it then ends with.
var TaskRule func(name string) (time.Duration, types.BaseMethodFault)

var ruledFaults = map[*Task]types.BaseMethodFault{} // guarded by Map.m

func ruledDelay(t *Task) time.Duration {
	if TaskRule == nil {
		return 0
	}
	name := t.Info.DescriptionId
	delay, fault := TaskRule(name[strings.LastIndex(name, ".")+1:])
	if fault != nil {
		Map.m.Lock()
		ruledFaults[t] = fault
		Map.m.Unlock()
	}
	return delay
}

func ruledExecute(t *Task) (types.AnyType, types.BaseMethodFault) {
	Map.m.Lock()
	fault := ruledFaults[t]
	delete(ruledFaults, t)
	Map.m.Unlock()
	if fault != nil {
		return nil, fault
	}
	return t.Execute(t)
}

var keyedProperty = regexp.MustCompile(`^(.+)\["(.+)"\]$`)

// keyedFieldValue is fieldValue for paths that may end with a key, which only lists of options have.
func keyedFieldValue(rval reflect.Value, name string) (interface{}, error) {
	m := keyedProperty.FindStringSubmatch(name)
	if m == nil {
		return fieldValue(rval, name)
	}
	list, err := fieldValue(rval, m[1])
	if err != nil {
		return list, err
	}
	if options, ok := list.(*types.ArrayOfOptionValue); ok {
		for _, o := range options.OptionValue {
			if o.GetOptionValue().Key == m[2] {
				return o, nil
			}
		}
	}
	return nil, errEmptyField
}
