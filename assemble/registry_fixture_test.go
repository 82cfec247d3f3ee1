package assemble_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// withCertificate serves by TLS, on host, with a certificate that is its own
// authority. It gives the port and that certificate.
func withCertificate(t *testing.T, handler http.Handler) (string, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "registry of a test"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.ParseIP(host)},
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return port(t, server.URL), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// tunnel joins a client of a proxy to an address, as CONNECT of RFC 9110 asks.
func tunnel(w http.ResponseWriter, address string) {
	far, err := net.Dial("tcp", address)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer far.Close()
	near, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer near.Close()
	io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		io.Copy(far, buffered)
		far.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(near, far)
}

// trusts pulls by TLS from a registry whose authority nobody knows, which must
// fail, and again once it stands among a runtime's settings.
func (b *box) trusts(podman, settings string) {
	b.t.Helper()
	image := b.secure + "/tiny"
	b.expect("a certificate of nobody", "unknown authority", podman+" pull -q "+image+" 2>&1 | grep -o 'unknown authority' | head -n 1")
	dir := settings + "/certs.d/" + b.secure
	b.feed(bytes.NewReader(b.authority), "sudo mkdir -p "+dir+" && sudo tee "+dir+"/ca.crt >/dev/null")
	b.pullsByTLS(podman)
}

// pullsByTLS pulls by TLS, which must succeed.
func (b *box) pullsByTLS(podman string) {
	b.t.Helper()
	b.run(podman + " pull -q " + b.secure + "/tiny && " + podman + " rmi " + b.secure + "/tiny")
}
