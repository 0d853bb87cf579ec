package server

import (
	"os"
	"path/filepath"

	"k3s-standin/bundle"
	"k3s-standin/pki"
)

// paths are the files of a data directory, laid out as k3s lays them out.
type paths struct{ root string }

// pathsIn are those in a data directory, or in the default one of this user.
func pathsIn(dataDir string) (paths, error) {
	if dataDir == "" {
		dataDir = "/var/lib/rancher/k3s"
		if os.Getuid() != 0 {
			dataDir = filepath.Join(os.Getenv("HOME"), ".rancher", "k3s")
		}
	}
	absolute, err := filepath.Abs(dataDir)
	return paths{filepath.Join(absolute, "server")}, err
}

func (p paths) in(parts ...string) string {
	return filepath.Join(append([]string{p.root}, parts...)...)
}

func (p paths) tls(name string) string  { return p.in("tls", name) }
func (p paths) cred(name string) string { return p.in("cred", name) }

func (p paths) pair(name string) pki.Pair {
	return pki.Pair{Certificate: p.tls(name + ".crt"), Key: p.tls(name + ".key")}
}

func (p paths) serverCA() string         { return p.pair("server-ca").Certificate }
func (p paths) serviceKey() string       { return p.tls("service.key") }
func (p paths) currentKey() string       { return p.tls("service.current.key") }
func (p paths) passwd() string           { return p.cred("passwd") }
func (p paths) encryptionConfig() string { return p.cred("encryption-config.json") }
func (p paths) encryptionState() string  { return p.cred("encryption-state.json") }

// bundle maps the members of the bootstrap bundle to their files. While
// secrets encryption is off its two members have no path, as in k3s.
func (p paths) bundle(encryptSecrets bool) bundle.Paths {
	members := bundle.Paths{
		"ETCDServerCA":       p.tls("etcd/server-ca.crt"),
		"ETCDServerCAKey":    p.tls("etcd/server-ca.key"),
		"ETCDPeerCA":         p.tls("etcd/peer-ca.crt"),
		"ETCDPeerCAKey":      p.tls("etcd/peer-ca.key"),
		"ServerCA":           p.tls("server-ca.crt"),
		"ServerCAKey":        p.tls("server-ca.key"),
		"ClientCA":           p.tls("client-ca.crt"),
		"ClientCAKey":        p.tls("client-ca.key"),
		"ServiceKey":         p.serviceKey(),
		"PasswdFile":         p.passwd(),
		"RequestHeaderCA":    p.tls("request-header-ca.crt"),
		"RequestHeaderCAKey": p.tls("request-header-ca.key"),
		"IPSECKey":           p.cred("ipsec.psk"),
		"EncryptionConfig":   "",
		"EncryptionHash":     "",
	}
	if encryptSecrets {
		members["EncryptionConfig"] = p.encryptionConfig()
		members["EncryptionHash"] = p.encryptionState()
	}
	return members
}
