package server

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"k8s.io/apiserver/pkg/authentication/user"

	"k3s-standin/pki"
	"k3s-standin/token"
)

const (
	authProxyName    = "system:auth-proxy"
	serviceKeyBits   = 2048
	ipsecKeySize     = 48
	supervisorName   = "system:k3s-supervisor"
	k3sController    = "system:k3s-controller"
	cloudController  = "k3s-cloud-controller-manager"
	directoryMode    = 0o700
	secretFileMode   = 0o600
	pemServiceKey    = "RSA PRIVATE KEY"
	controllerServer = "kube-controller-manager"
	schedulerServer  = "kube-scheduler"
)

// client is a client certificate, with the kubeconfig that is written only
// when the certificate is made. Restored certificates therefore come without
// kubeconfigs, which is how a restore of tls without cred dies.
type clientCertificate struct {
	name, subject string
	organization  string
	kubeconfig    string
}

var clientCertificates = []clientCertificate{
	{"client-admin", "system:admin", user.SystemPrivilegedGroup, "admin.kubeconfig"},
	{"client-supervisor", supervisorName, user.SystemPrivilegedGroup, "supervisor.kubeconfig"},
	{"client-controller", user.KubeControllerManager, "", "controller.kubeconfig"},
	{"client-scheduler", user.KubeScheduler, "", "scheduler.kubeconfig"},
	{"client-kube-apiserver", user.APIServerUser, user.SystemPrivilegedGroup, "api-server.kubeconfig"},
	{"client-kube-proxy", user.KubeProxy, "", ""},
	{"client-k3s-controller", k3sController, "", ""},
	{"client-k3s-cloud-controller", cloudController, "", "cloud-controller.kubeconfig"},
}

// ensureMaterial makes whatever certificates, keys and secrets are missing.
// On a restored cluster the authorities come from the datastore and only what
// hangs below them is made.
func (s *Server) ensureMaterial() error {
	steps := []func() error{
		s.ensureClientCertificates, s.ensureServingCertificates, s.ensureRequestHeader,
		s.ensureEtcd, s.ensureServiceKey, s.ensurePasswords, s.ensureIPSec, s.ensureEncryption,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("failed to generate server dependencies: %w", err)
		}
	}
	return nil
}

func (s *Server) ensureClientCertificates() error {
	authority := s.paths.pair("client-ca")
	fresh, err := pki.EnsureAuthority("k3s-client", s.authorityLeft(), authority)
	if err != nil {
		return err
	}
	for _, want := range clientCertificates {
		leaf := pki.Leaf{CommonName: want.subject, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if want.organization != "" {
			leaf.Organizations = []string{want.organization}
		}
		pair := s.paths.pair(want.name)
		created, err := pki.EnsureLeaf(fresh, leaf, authority, pair)
		if err != nil {
			return err
		}
		if !created || want.kubeconfig == "" {
			continue
		}
		if err := writeReferringKubeconfig(s.paths.cred(want.kubeconfig), s.url(), s.paths.serverCA(), pair); err != nil {
			return err
		}
	}
	_, err = pki.EnsureKey(s.paths.tls("client-kubelet.key"))
	return err
}

func (s *Server) ensureServingCertificates() error {
	authority := s.paths.pair("server-ca")
	fresh, err := pki.EnsureAuthority("k3s-server", s.authorityLeft(), authority)
	if err != nil {
		return err
	}
	api := s.named(pki.Leaf{
		CommonName: "kube-apiserver",
		DNSNames: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc." + s.clusterDomain},
	})
	for name, leaf := range map[string]pki.Leaf{
		"serving-kube-apiserver":                               api,
		"kube-controller-manager/" + "kube-controller-manager": {CommonName: controllerServer, DNSNames: []string{"localhost"}, Addresses: loopbacks()},
		"kube-scheduler/" + "kube-scheduler":                   {CommonName: schedulerServer, DNSNames: []string{"localhost"}, Addresses: loopbacks()},
	} {
		leaf.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if _, err := pki.EnsureLeaf(fresh, leaf, authority, s.paths.pair(name)); err != nil {
			return err
		}
	}
	_, err = pki.EnsureKey(s.paths.tls("serving-kubelet.key"))
	return err
}

func (s *Server) ensureRequestHeader() error {
	authority := s.paths.pair("request-header-ca")
	fresh, err := pki.EnsureAuthority("k3s-request-header", s.authorityLeft(), authority)
	if err != nil {
		return err
	}
	leaf := pki.Leaf{CommonName: authProxyName, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	_, err = pki.EnsureLeaf(fresh, leaf, authority, s.paths.pair("client-auth-proxy"))
	return err
}

// ensureEtcd makes etcd's certificates, which k3s makes on SQLite too.
func (s *Server) ensureEtcd() error {
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	server, peer := s.paths.pair("etcd/server-ca"), s.paths.pair("etcd/peer-ca")
	fresh, err := pki.EnsureAuthority("etcd-server", s.authorityLeft(), server)
	if err != nil {
		return err
	}
	if _, err := pki.EnsureLeaf(fresh, s.named(pki.Leaf{CommonName: "etcd-server", Usages: both}), server, s.paths.pair("etcd/server-client")); err != nil {
		return err
	}
	client := pki.Leaf{CommonName: "etcd-client", Usages: both[1:]}
	if _, err := pki.EnsureLeaf(fresh, client, server, s.paths.pair("etcd/client")); err != nil {
		return err
	}
	if fresh, err = pki.EnsureAuthority("etcd-peer", s.authorityLeft(), peer); err != nil {
		return err
	}
	_, err = pki.EnsureLeaf(fresh, s.named(pki.Leaf{CommonName: "etcd-peer", Usages: both}), peer, s.paths.pair("etcd/peer-server-client"))
	return err
}

// ensureServiceKey makes the key that signs service account tokens.
func (s *Server) ensureServiceKey() error {
	if _, err := os.Stat(s.paths.serviceKey()); errors.Is(err, os.ErrNotExist) {
		key, err := rsa.GenerateKey(rand.Reader, serviceKeyBits)
		if err != nil {
			return err
		}
		block := &pem.Block{Type: pemServiceKey, Bytes: x509.MarshalPKCS1PrivateKey(key)}
		if err := os.WriteFile(s.paths.serviceKey(), pem.EncodeToMemory(block), secretFileMode); err != nil {
			return err
		}
	}
	content, err := os.ReadFile(s.paths.serviceKey())
	if err != nil {
		return err
	}
	first, _ := pem.Decode(content)
	if first == nil {
		return fmt.Errorf("error reading %s: no key in it", s.paths.serviceKey())
	}
	return os.WriteFile(s.paths.currentKey(), pem.EncodeToMemory(first), secretFileMode)
}

func (s *Server) ensureIPSec() error {
	path := s.paths.cred("ipsec.psk")
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return nil
	}
	return os.WriteFile(path, []byte(token.Random(ipsecKeySize)+"\n"), secretFileMode)
}

// named adds this server's names and addresses to a certificate.
func (s *Server) named(leaf pki.Leaf) pki.Leaf {
	for _, name := range s.names {
		if address := net.ParseIP(name); address != nil {
			leaf.Addresses = append(leaf.Addresses, address)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	return leaf
}

func loopbacks() []net.IP { return []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback} }

func makeDirectories(p paths) error {
	for _, name := range []string{"etc", "tls", "cred"} {
		if err := os.MkdirAll(filepath.Join(p.root, name), directoryMode); err != nil {
			return err
		}
	}
	return nil
}
