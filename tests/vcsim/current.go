//go:build !classic

package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

const flavour = "current"

func registry(m *simulator.Model) *simulator.Registry { return m.Map() }

func endIdleSessions(m *simulator.Model, idle time.Duration) {
	options := m.Map().OptionManager()
	options.Setting = append(options.Setting, &types.OptionValue{
		Key: "config.vmacore.soap.sessionTimeout", Value: idle.String(),
	})
}

var faults = map[string]types.BaseMethodFault{
	"ManagedObjectNotFound":     new(types.ManagedObjectNotFound),
	"NoPermission":              new(types.NoPermission),
	"NotAuthenticated":          new(types.NotAuthenticated),
	"RestrictedByAdministrator": new(types.RestrictedByAdministrator),
	"SystemError":               new(types.SystemError),
}

// rule reads a fault rule from a query: method, fault, message, count (0: always), skip, delay_ms.
func rule(query url.Values) (*simulator.FaultInjectionRule, error) {
	fault, known := faults[query.Get("fault")]
	if !known {
		return nil, fmt.Errorf("unknown fault %q", query.Get("fault"))
	}
	numbers := map[string]int{}
	for _, key := range []string{"count", "skip", "delay_ms"} {
		text := query.Get(key)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		numbers[key] = n
	}
	return &simulator.FaultInjectionRule{
		MethodName: query.Get("method"), ObjectType: "*", ObjectName: "*", Probability: 1, Enabled: true,
		FaultType: simulator.FaultTypeCustom, Fault: fault, Message: query.Get("message"),
		MaxCount: numbers["count"], SkipCount: numbers["skip"], Delay: numbers["delay_ms"],
	}, nil
}

// rename gives an object (type, id) another name, as Rename_Task would, which govmomi's distributed switch lacks.
func rename(m *simulator.Model, query url.Values) error {
	ref := types.ManagedObjectReference{Type: query.Get("type"), Value: query.Get("id")}
	object := m.Map().Get(ref)
	if object == nil {
		return fmt.Errorf("there is no %s", ref)
	}
	context := m.Service.Context
	context.WithLock(object, func() {
		context.Update(object, []types.PropertyChange{{Name: "name", Val: query.Get("name")}})
	})
	return nil
}

// serveFaults answers POST /faults?method=QueryPerf&fault=NotAuthenticated&count=1, DELETE /faults, and
// POST /faults/rename?type=VmwareDistributedVirtualSwitch&id=dvs-8&name=new.
func serveFaults(m *simulator.Model, listen string) (string, error) {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		rule, err := rule(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		m.Service.AddFaultRule(rule)
	})
	mux.HandleFunc("POST /faults/rename", func(w http.ResponseWriter, r *http.Request) {
		if err := rename(m, r.URL.Query()); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("DELETE /faults", func(http.ResponseWriter, *http.Request) { m.Service.ClearFaultRules() })
	go func() { log.Fatal(http.Serve(listener, mux)) }()
	return "http://" + listener.Addr().String() + "/faults", nil
}
