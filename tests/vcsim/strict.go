package main

import (
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const realtime = 20 // seconds; PerfProviderSummary.refreshRate of VMs and hosts

// strictOptions are the flags of the strict PerformanceManager.
type strictOptions struct {
	maxQueryMetrics int
	instances       int
	answerAll       bool
	lag             time.Duration
}

// strictManager answers performance queries as the vSphere API reference says, where govmomi's own does not:
//   - format=csv is honoured, and zeros are kept (in the normal format Go's XML encoder drops them, see README.md);
//   - samples lie on the grid of the interval, oldest first, start exclusive and end inclusive;
//   - an hour of realtime samples is kept, a day of 300 s ones; maxSample takes the newest;
//   - instance "*" is every instance, "" the aggregate, an unset metricId everything available;
//   - a deleted entity is a fault of the whole call; a VM that is off or a host that is gone has no series;
//   - maxQueryMetrics is enforced for historical queries with vCenter's fault and text;
//   - a value is a pure function of entity, counter, instance and tick, so that a test can state it.
type strictManager struct {
	simulator.PerformanceManager
	strictOptions
	known map[availableKey][]types.PerfMetricId
}

type availableKey struct {
	entity   types.ManagedObjectReference
	interval int32
}

// installStrict replaces the PerformanceManager and sets the option that tells the limit.
func installStrict(registry *simulator.Registry, ref types.ManagedObjectReference, o strictOptions) {
	p := &strictManager{
		PerformanceManager: *registry.Get(ref).(*simulator.PerformanceManager),
		strictOptions:      o,
		known:              map[availableKey][]types.PerfMetricId{},
	}
	p.HistoricalInterval = []types.PerfInterval{
		{Key: 1, SamplingPeriod: 300, Name: "Past day", Length: 86400, Level: 1, Enabled: true},
		{Key: 2, SamplingPeriod: 1800, Name: "Past week", Length: 604800, Level: 1, Enabled: true},
		{Key: 3, SamplingPeriod: 7200, Name: "Past month", Length: 2592000, Level: 1, Enabled: true},
		{Key: 4, SamplingPeriod: 86400, Name: "Past year", Length: 31536000, Level: 1, Enabled: true},
	}
	registry.Put(p)
	if o.maxQueryMetrics > 0 {
		options := registry.OptionManager()
		options.Setting = append(options.Setting, &types.OptionValue{
			Key: "config.vpxd.stats.maxQueryMetrics", Value: strconv.Itoa(o.maxQueryMetrics),
		})
	}
}

// value is the sample of a series at a tick (Unix time divided by the interval): 0 to 9999.
func value(entity string, id types.PerfMetricId, tick int64) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(entity))
	_, _ = h.Write([]byte{byte(id.CounterId), byte(id.CounterId >> 8)})
	_, _ = h.Write([]byte(id.Instance))
	sum := h.Sum32()
	return (int64(sum%9000) + tick*int64(1+sum%7)) % 10000
}

func (p *strictManager) QueryPerfCounter(_ *simulator.Context, req *types.QueryPerfCounter) soap.HasFault {
	byID := map[int32]types.PerfCounterInfo{}
	for _, counter := range p.PerfCounter {
		byID[counter.Key] = counter
	}
	res := new(types.QueryPerfCounterResponse)
	for _, id := range req.CounterId {
		counter, found := byID[id]
		if !found {
			return &methods.QueryPerfCounterBody{Fault_: simulator.Fault(
				"A specified parameter was not correct: counterId", &types.InvalidArgument{InvalidProperty: "counterId"})}
		}
		res.Returnval = append(res.Returnval, counter)
	}
	return &methods.QueryPerfCounterBody{Res: res}
}

func (p *strictManager) QueryAvailablePerfMetric(ctx *simulator.Context, req *types.QueryAvailablePerfMetric) soap.HasFault {
	return &methods.QueryAvailablePerfMetricBody{Res: &types.QueryAvailablePerfMetricResponse{
		Returnval: p.available(ctx, req.Entity, req.IntervalId),
	}}
}

// available lists an entity's series, with the extra instances asked for by -instances.
func (p *strictManager) available(ctx *simulator.Context, entity types.ManagedObjectReference, interval int32) []types.PerfMetricId {
	key := availableKey{entity, interval}
	if ids, ok := p.known[key]; ok {
		return ids
	}
	body := p.PerformanceManager.QueryAvailablePerfMetric(ctx, &types.QueryAvailablePerfMetric{Entity: entity, IntervalId: interval})
	ids := body.(*methods.QueryAvailablePerfMetricBody).Res.Returnval
	if entity.Type == "VirtualMachine" {
		ids = append(ids, p.extraInstances(ids)...)
	}
	p.known[key] = ids
	return ids
}

func (p *strictManager) extraInstances(ids []types.PerfMetricId) (extra []types.PerfMetricId) {
	has := map[int32]bool{}
	for _, id := range ids {
		has[id.CounterId] = has[id.CounterId] || id.Instance != ""
	}
	for _, id := range ids {
		for i := 0; i < p.instances && !has[id.CounterId]; i++ {
			extra = append(extra, types.PerfMetricId{CounterId: id.CounterId, Instance: strconv.Itoa(i)})
		}
	}
	return extra
}

// answers says whether the entity has samples at all now: not when off or disconnected, and a realtime sample only
// from the kinds with a realtime provider.
func answers(ctx *simulator.Context, entity types.ManagedObjectReference, interval int32) bool {
	switch o := ctx.Map.Get(entity).(type) {
	case *simulator.VirtualMachine:
		return o.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
	case *simulator.HostSystem:
		return o.Runtime.ConnectionState == types.HostSystemConnectionStateConnected
	}
	return interval != realtime || entity.Type == "ResourcePool"
}

// series lists what one QuerySpec asks for and the entity has.
func (p *strictManager) series(ctx *simulator.Context, spec types.PerfQuerySpec, interval int32) (ids []types.PerfMetricId) {
	if !answers(ctx, spec.Entity, interval) {
		return nil
	}
	available := p.available(ctx, spec.Entity, interval)
	if spec.MetricId == nil {
		return available
	}
	for _, wanted := range spec.MetricId {
		before := len(ids)
		for _, id := range available {
			if id.CounterId == wanted.CounterId && (wanted.Instance == "*" || wanted.Instance == id.Instance) {
				ids = append(ids, id)
			}
		}
		if len(ids) == before && p.answerAll {
			ids = append(ids, types.PerfMetricId{CounterId: wanted.CounterId})
		}
	}
	return ids
}

// ticks is the first and last sample that one QuerySpec asks for, in intervals since 1970; last < first is none.
func (p *strictManager) ticks(spec types.PerfQuerySpec, interval int32) (first, last int64) {
	step := int64(interval)
	kept := int64(24 * 3600)
	if interval == realtime {
		kept = 3600
	}
	last = time.Now().Add(-p.lag).Unix() / step
	first = last - kept/step + 1
	if spec.StartTime != nil {
		first = max(first, spec.StartTime.Unix()/step+1)
	}
	if spec.EndTime != nil {
		last = min(last, spec.EndTime.Unix()/step)
	}
	if spec.MaxSample > 0 {
		first = max(first, last-int64(spec.MaxSample)+1)
	}
	return first, last
}

func (p *strictManager) QueryPerf(ctx *simulator.Context, req *types.QueryPerf) soap.HasFault {
	res := new(types.QueryPerfResponse)
	historical := 0
	for _, spec := range req.QuerySpec {
		if ctx.Map.Get(spec.Entity) == nil {
			return &methods.QueryPerfBody{Fault_: simulator.Fault(
				"The object '"+spec.Entity.String()+"' has already been deleted or has not been completely created",
				&types.ManagedObjectNotFound{Obj: spec.Entity})}
		}
		interval := spec.IntervalId
		if interval <= 0 {
			interval = realtime
		}
		ids := p.series(ctx, spec, interval)
		if interval != realtime {
			historical += len(ids)
		}
		if p.maxQueryMetrics > 0 && historical > p.maxQueryMetrics {
			return &methods.QueryPerfBody{Fault_: simulator.Fault(
				"This operation is restricted by the administrator - 'vpxd.stats.maxQueryMetrics'. Contact your system administrator.",
				&types.RestrictedByAdministrator{Details: "vpxd.stats.maxQueryMetrics"})}
		}
		first, last := p.ticks(spec, interval)
		if last < first {
			ids = nil
		}
		if spec.Format == string(types.PerfFormatCsv) {
			res.Returnval = append(res.Returnval, csv(spec.Entity, ids, window{int64(interval), first, last}))
		} else {
			res.Returnval = append(res.Returnval, normal(spec.Entity, ids, window{int64(interval), first, last}))
		}
	}
	return &methods.QueryPerfBody{Res: res}
}

type window struct{ step, first, last int64 }

func csv(entity types.ManagedObjectReference, ids []types.PerfMetricId, w window) *types.PerfEntityMetricCSV {
	var info []string
	for tick := w.first; tick <= w.last; tick++ {
		info = append(info, strconv.FormatInt(w.step, 10), time.Unix(tick*w.step, 0).UTC().Format(time.RFC3339))
	}
	metric := &types.PerfEntityMetricCSV{SampleInfoCSV: strings.Join(info, ",")}
	metric.Entity = entity
	for _, id := range ids {
		var values []byte
		for tick := w.first; tick <= w.last; tick++ {
			if tick > w.first {
				values = append(values, ',')
			}
			values = strconv.AppendInt(values, value(entity.Value, id, tick), 10)
		}
		series := types.PerfMetricSeriesCSV{Value: string(values)}
		series.Id = id
		metric.Value = append(metric.Value, series)
	}
	return metric
}

func normal(entity types.ManagedObjectReference, ids []types.PerfMetricId, w window) *types.PerfEntityMetric {
	metric := new(types.PerfEntityMetric)
	metric.Entity = entity
	for tick := w.first; tick <= w.last; tick++ {
		metric.SampleInfo = append(metric.SampleInfo,
			types.PerfSampleInfo{Timestamp: time.Unix(tick*w.step, 0).UTC(), Interval: int32(w.step)})
	}
	for _, id := range ids {
		series := new(types.PerfMetricIntSeries)
		series.Id = id
		for tick := w.first; tick <= w.last; tick++ {
			series.Value = append(series.Value, value(entity.Value, id, tick))
		}
		metric.Value = append(metric.Value, series)
	}
	return metric
}
