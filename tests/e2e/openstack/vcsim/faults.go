package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// faults stands before the simulator's SOAP handler; it counts, delays and fails calls as it is told:
//
//	POST /lab/delay?method=PowerOnVM_Task&ms=30000            delay one SOAP method (* is all), 0 ends it
//	POST /lab/http?status=503&count=20                        answer the next SOAP calls so; 0 drops the connection
//	POST /lab/task?name=powerOn&seconds=60&count=1            the next such tasks stay running for a minute
//	POST /lab/task?name=powerOn&fault=TaskInProgress&count=1  they end with this vSphere fault
//	GET  /lab/calls                                           SOAP methods and tasks so far, with counts
//	GET  /lab/vms                                             the virtual machines
type faults struct {
	sync.Mutex
	soap      http.Handler
	calls     map[string]int
	delay     map[string]time.Duration
	status    int
	remaining int
	tasks     map[string]*taskRule
}

type taskRule struct {
	seconds, remaining int
	fault              types.BaseMethodFault
}

type machine struct {
	Moref        string `json:"moref"`
	Name         string `json:"name"`
	InstanceUUID string `json:"instance_uuid"`
	PowerState   string `json:"power_state"`
}

func newFaults() *faults {
	return &faults{calls: map[string]int{}, delay: map[string]time.Duration{}, tasks: map[string]*taskRule{}}
}

// task is simulator.TaskRule.
func (f *faults) task(name string) (time.Duration, types.BaseMethodFault) {
	f.Lock()
	defer f.Unlock()
	f.calls["task "+name]++
	rule := f.tasks[strings.ToLower(name)]
	if rule == nil || rule.remaining <= 0 {
		return 0, nil
	}
	rule.remaining--
	return time.Duration(rule.seconds) * time.Second, rule.fault
}

var (
	soapMethod = regexp.MustCompile(`<(?:[A-Za-z0-9-]+:)?Body[^>]*>\s*<(?:[A-Za-z0-9-]+:)?([A-Za-z_]+)`)
	zoneless   = regexp.MustCompile(`(>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)<`)
	wholeKb    = regexp.MustCompile(`(K[bB]>\d+)\.0<`)
)

func (f *faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	// vCenter takes a time without zone (as UTC) and whole numbers such as 1024.0, which suds sends; Go's decoder refuses both.
	body = zoneless.ReplaceAll(body, []byte("${1}Z<"))
	body = wholeKb.ReplaceAll(body, []byte("${1}<"))
	r.ContentLength = int64(len(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	delay, fails, status := f.admit(body)
	time.Sleep(delay)
	switch {
	case fails && status == 0:
		panic(http.ErrAbortHandler)
	case fails:
		http.Error(w, http.StatusText(status), status)
	default:
		f.soap.ServeHTTP(w, r)
	}
}

// admit counts one call and says what shall happen to it.
func (f *faults) admit(body []byte) (delay time.Duration, fails bool, status int) {
	name := "?"
	if m := soapMethod.FindSubmatch(body); m != nil {
		name = string(m[1])
	}
	f.Lock()
	defer f.Unlock()
	f.calls[name]++
	if fails = f.remaining > 0; fails {
		f.remaining--
	}
	return f.delay["*"] + f.delay[name], fails, f.status
}

func (f *faults) control(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number := func(key string) int { v, _ := strconv.Atoi(q.Get(key)); return v }
	f.Lock()
	defer f.Unlock()
	var answer interface{} = "ok"
	switch r.URL.Path {
	case "/lab/delay":
		f.delay[q.Get("method")] = time.Duration(number("ms")) * time.Millisecond
	case "/lab/http":
		f.status, f.remaining = number("status"), number("count")
	case "/lab/task":
		rule := &taskRule{seconds: number("seconds"), remaining: number("count")}
		if name := q.Get("fault"); name != "" {
			if rule.fault = faultNamed(name); rule.fault == nil {
				http.Error(w, "no such fault: "+name, http.StatusBadRequest)
				return
			}
		}
		f.tasks[strings.ToLower(q.Get("name"))] = rule
	case "/lab/calls":
		answer = f.calls
	case "/lab/vms":
		answer = machines()
	default:
		http.NotFound(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func faultNamed(name string) types.BaseMethodFault {
	t, ok := types.TypeFunc()(name)
	if !ok {
		return nil
	}
	fault, _ := reflect.New(t).Interface().(types.BaseMethodFault)
	return fault
}

func machines() []machine {
	list := []machine{}
	for _, e := range simulator.Map.All("VirtualMachine") {
		vm := e.(*simulator.VirtualMachine)
		list = append(list, machine{vm.Self.Value, vm.Name, vm.Config.InstanceUuid, string(vm.Runtime.PowerState)})
	}
	return list
}
