//go:build classic

package main

import (
	"errors"
	"time"

	"github.com/vmware/govmomi/simulator"
)

const flavour = "classic"

func registry(*simulator.Model) *simulator.Registry { return simulator.Map }

func endIdleSessions(_ *simulator.Model, idle time.Duration) { simulator.SessionIdleTimeout = idle }

func serveFaults(*simulator.Model, string) (string, error) {
	return "", errors.New("-control: govmomi 0.24 has no fault injection; use the flavour current")
}
