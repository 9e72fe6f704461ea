// Command vcsim is a vCenter for Nova's VMware driver: govmomi's simulator on a fixed address, with what the driver
// wants and govmomi 0.24 lacks, with the strict PerformanceManager of tests/vcsim, and with faults on demand (faults.go).
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
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// model makes two clusters without virtual machines and returns the addresses of their hosts.
func model() (*simulator.Model, []net.IP) {
	m := simulator.VPX()
	m.Host, m.Cluster, m.Machine = 0, 2, 0
	if err := m.Create(); err != nil {
		log.Fatal(err)
	}
	extensions := new(simulator.ExtensionManager)
	extensions.Self = *m.ServiceContent.ExtensionManager
	simulator.Map.Put(extensions)
	installStrict(simulator.Map, *m.ServiceContent.PerfManager, strictOptions{maxQueryMetrics: 256, lag: 10 * time.Second})

	var addresses []net.IP
	var mounts []types.DatastoreHostMount
	for i, e := range simulator.Map.All("HostSystem") {
		// The driver uploads an image to a host by the host's name, so the name must lead here.
		address := net.IPv4(127, 0, 1, byte(i+1))
		addresses = append(addresses, address)
		host := e.(*simulator.HostSystem)
		host.Name = address.String()
		host.Summary.Config.Name = host.Name
		yes := true
		mounts = append(mounts, types.DatastoreHostMount{Key: host.Self, MountInfo: types.HostMountInfo{
			AccessMode: string(types.HostMountModeReadWrite), Mounted: &yes, Accessible: &yes,
		}})
	}
	for _, e := range simulator.Map.All("Datastore") {
		datastore := e.(*simulator.Datastore)
		datastore.Summary.Type = string(types.HostFileSystemVolumeFileSystemTypeVMFS) // the driver refuses OTHER
		datastore.Host = mounts                                                       // the simulator lists the last cluster's hosts only
	}
	return m, addresses
}

// selfSigned makes a fresh certificate: govmomi 0.24 brings an RSA key of 1024 bits, which OpenSSL 3 refuses.
func selfSigned(addresses []net.IP) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "vcsim"},
		DNSNames:              []string{"localhost"},
		IPAddresses:           addresses,
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(30 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// handler routes to the simulator, past the faults, and serves the WSDL that oslo.vmware reads at login.
func handler(s *simulator.Service, wsdl string) http.Handler {
	f := newFaults()
	f.soap = http.HandlerFunc(s.ServeSDK)
	simulator.TaskRule = f.task
	mux := http.NewServeMux()
	mux.Handle("/", s.ServeMux)
	mux.Handle("/sdk", f)
	mux.Handle("/sdk/vimService", f)
	mux.HandleFunc("/lab/", f.control)
	mux.HandleFunc("/folder/", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("dcPath") == "ha-datacenter" { // a host's own name for its datacenter
			q.Set("dcPath", "DC0")
			r.URL.RawQuery = q.Encode()
		}
		s.ServeMux.ServeHTTP(w, r)
	})
	mux.Handle("/sdk/", http.StripPrefix("/sdk/", http.FileServer(http.Dir(wsdl))))
	mux.Handle("/sdk/vimServiceVersions.xml", s.ServeMux)
	return mux
}

func main() {
	listen := flag.String("listen", "127.0.0.1:18989", "address of the vCenter; its hosts listen on the same port")
	wsdl := flag.String("wsdl", "", "folder with vimService.wsdl")
	user := flag.String("user", "user", "the only user that may log in")
	password := flag.String("password", "pass", "that user's password")
	flag.Parse()
	_, port, err := net.SplitHostPort(*listen)
	if err != nil {
		log.Fatal(err)
	}

	m, addresses := model()
	s := m.Service
	s.Listen = &url.URL{Host: *listen, User: url.UserPassword(*user, *password)}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(append(addresses, net.IPv4(127, 0, 0, 1)))}}
	server := s.NewServer()
	server.Config.Handler = handler(s, *wsdl)
	for _, address := range addresses {
		listener, err := tls.Listen("tcp", net.JoinHostPort(address.String(), port), s.TLS)
		if err != nil {
			log.Fatal(err)
		}
		go func() { log.Fatal(http.Serve(listener, server.Config.Handler)) }()
	}
	fmt.Printf("READY url=%s pid=%d\n", server.URL.Redacted(), os.Getpid())

	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	<-end
	m.Remove() // the directories that stand for datastores
}
