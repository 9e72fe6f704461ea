// Command vcsim runs govmomi's simulator as a vCenter (or one ESX host) for the tests.
//
// It prints one line, READY with the real URL, when it answers, and ends on SIGTERM, SIGINT or, with
// -until-stdin-closes, when its parent is gone. README.md says what the two flavours are for.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator" // the Automation API: tags
)

type options struct {
	listen, control, user, password string
	esx, tls, strict, untilStdin    bool
	idle                            time.Duration
	perf                            strictOptions
}

// parse reads the flags into the options and the model. An ESX host takes the few inventory flags that apply to it.
func parse() (options, *simulator.Model) {
	var o options
	m := simulator.VPX()
	flag.StringVar(&o.listen, "l", "127.0.0.1:0", "listen address; port 0 takes a free one")
	flag.StringVar(&o.control, "control", "", "listen address of the fault-injection endpoint (flavour current)")
	flag.StringVar(&o.user, "user", "", "the only user that may log in (empty: anybody)")
	flag.StringVar(&o.password, "pass", "", "that user's password")
	flag.BoolVar(&o.esx, "esx", false, "one ESX host instead of a vCenter")
	flag.BoolVar(&o.tls, "tls", true, "serve TLS with a certificate made at start")
	flag.BoolVar(&o.untilStdin, "until-stdin-closes", false, "end when standard input ends")
	flag.DurationVar(&o.idle, "session-idle", 0, "end a session idle for this long (0: never)")
	flag.BoolVar(&o.strict, "strict", false, "a PerformanceManager that keeps to the API reference; the next flags are for it")
	flag.IntVar(&o.perf.maxQueryMetrics, "max-query-metrics", 256, "config.vpxd.stats.maxQueryMetrics (0: unset)")
	flag.IntVar(&o.perf.instances, "instances", 0, "instances given to a VM's counters that have only an aggregate")
	flag.BoolVar(&o.perf.answerAll, "answer-all", false, "an aggregate for every counter asked for")
	flag.DurationVar(&o.perf.lag, "lag", 10*time.Second, "age of the newest sample")
	flag.IntVar(&m.Datacenter, "dc", 1, "datacenters")
	flag.IntVar(&m.Cluster, "cluster", 2, "clusters per datacenter")
	flag.IntVar(&m.ClusterHost, "host", 3, "hosts per cluster")
	flag.IntVar(&m.Host, "standalone-host", 0, "hosts outside a cluster per datacenter")
	flag.IntVar(&m.Pool, "pool", 0, "resource pools per cluster, below its root pool")
	flag.IntVar(&m.App, "app", 0, "vApps per cluster")
	flag.IntVar(&m.Machine, "vm", 5, "VMs per resource pool")
	flag.IntVar(&m.Datastore, "ds", 1, "datastores per datacenter")
	flag.IntVar(&m.Portgroup, "pg", 1, "distributed port groups per datacenter (0: no distributed switch)")
	flag.IntVar(&m.Folder, "folder", 0, "folders around datacenters and their contents")
	flag.IntVar(&m.DelayConfig.Delay, "delay", 0, "delay of every call in milliseconds")
	flag.Parse()
	if o.esx {
		esx := simulator.ESX()
		esx.Machine, esx.Datastore, esx.DelayConfig = m.Machine, m.Datastore, m.DelayConfig
		m = esx
	}
	return o, m
}

// selfSigned makes a fresh certificate for the loopback addresses. govmomi 0.24 brings an RSA key of 1024 bits, which
// OpenSSL 3 refuses to verify at its default security level; and a restart shall change the certificate.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "vcsim"},
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(30 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// serve puts the model behind the listen address and returns its URL and that of the fault-injection endpoint.
func serve(o options, m *simulator.Model) (sdk, control string, err error) {
	if o.strict {
		installStrict(registry(m), *m.ServiceContent.PerfManager, o.perf)
	}
	if o.idle > 0 {
		endIdleSessions(m, o.idle)
	}
	m.Service.RegisterEndpoints = true
	m.Service.Listen = &url.URL{Host: o.listen}
	if o.user != "" {
		m.Service.Listen.User = url.UserPassword(o.user, o.password)
	}
	if o.tls {
		certificate, err := selfSigned()
		if err != nil {
			return "", "", err
		}
		m.Service.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	if o.control != "" {
		if control, err = serveFaults(m, o.control); err != nil {
			return "", "", err
		}
	}
	u := *m.Service.NewServer().URL
	u.User = nil
	return u.String(), control, nil
}

func main() {
	o, m := parse()
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	if o.untilStdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			end <- syscall.SIGTERM
		}()
	}
	if err := m.Create(); err != nil {
		log.Fatal(err)
	}
	sdk, control, err := serve(o, m)
	if err == nil {
		count := m.Count()
		fmt.Printf("READY url=%s control=%s flavour=%s hosts=%d vms=%d pid=%d\n",
			sdk, control, flavour, count.Host+count.ClusterHost, count.Machine, os.Getpid())
		<-end
	}
	m.Remove() // the directories that stand for datastores
	if err != nil {
		log.Fatal(err)
	}
}
