// Package pki makes the certificate authorities and leaf certificates of a
// cluster as k3s makes them: ECDSA P-256, authorities for ten years, leaves for
// one, a leaf file holding the leaf followed by its authority.
// It never replaces an authority that exists; leaves are renewed when due.
//
// Source: k3s-io/k3s pkg/daemons/control/deps/deps.go about v1.26 (facts, no code).
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// AuthorityLifetime is how long an authority is good for when it is made.
	AuthorityLifetime = 10 * 365 * 24 * time.Hour

	leafLifetime = 365 * 24 * time.Hour
	renewBefore  = 120 * 24 * time.Hour
)

// Pair names the two files of a certificate and its key.
type Pair struct{ Certificate, Key string }

// Leaf says what a certificate must be.
type Leaf struct {
	CommonName    string
	Organizations []string
	DNSNames      []string
	Addresses     []net.IP
	Usages        []x509.ExtKeyUsage
}

// EnsureAuthority makes a self-signed authority unless both files exist.
// The result says whether it did, in which case every leaf below it is void.
// One that has less left than AuthorityLifetime is that much older, and expired if that is below zero.
func EnsureAuthority(prefix string, left time.Duration, at Pair) (created bool, err error) {
	if exist(at.Certificate, at.Key) {
		return false, nil
	}
	key, err := EnsureKey(at.Key)
	if err != nil {
		return false, err
	}
	until := time.Now().UTC().Add(left)
	since := until.Add(-AuthorityLifetime)
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: fmt.Sprintf("%s-ca@%d", prefix, since.Unix())},
		NotBefore:             since,
		NotAfter:              until,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return false, err
	}
	logrus.Infof("generated self-signed CA certificate CN=%s: notBefore=%s notAfter=%s",
		template.Subject.CommonName, template.NotBefore, template.NotAfter)
	return true, write(at.Certificate, encode(der))
}

// EnsureLeaf makes or renews a leaf. Reasons: forced, missing, close to its
// end, another subject, names not covered, or not signed by this authority.
func EnsureLeaf(force bool, leaf Leaf, authority, at Pair) (created bool, err error) {
	chain, err := readCertificates(authority.Certificate)
	if err != nil {
		return false, err
	}
	if !force && exist(at.Certificate, at.Key) && stillGood(leaf, chain, at.Certificate) {
		return false, nil
	}
	signer, err := readKey(authority.Key)
	if err != nil {
		return false, err
	}
	if force {
		// A new authority voids the old leaf's key with it.
		if err := os.Remove(at.Key); err != nil && !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
	}
	key, err := EnsureKey(at.Key)
	if err != nil {
		return false, err
	}
	now := time.Now().UTC()
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: leaf.CommonName, Organization: leaf.Organizations},
		NotBefore:    chain[0].NotBefore,
		NotAfter:     now.Add(leafLifetime),
		KeyUsage:     x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  leaf.Usages,
		DNSNames:     leaf.DNSNames,
		IPAddresses:  leaf.Addresses,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, chain[0], key.Public(), signer)
	if err != nil {
		return false, err
	}
	logrus.Infof("certificate %s signed by %s: notBefore=%s notAfter=%s",
		template.Subject, chain[0].Subject, template.NotBefore, template.NotAfter)
	return true, write(at.Certificate, append(encode(der), encode(chain[0].Raw)...))
}

// EnsureKey reads a private key, or makes an EC one where there is none.
func EnsureKey(path string) (crypto.Signer, error) {
	if exist(path) {
		return readKey(path)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, write(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

func stillGood(leaf Leaf, authority []*x509.Certificate, path string) bool {
	certificates, err := readCertificates(path)
	if err != nil {
		return false
	}
	have := certificates[0]
	if time.Until(have.NotAfter) < renewBefore || have.Subject.CommonName != leaf.CommonName {
		return false
	}
	if !covers(have.Subject.Organization, leaf.Organizations) || !covers(have.DNSNames, leaf.DNSNames) {
		return false
	}
	for _, address := range leaf.Addresses {
		if !slices.ContainsFunc(have.IPAddresses, address.Equal) {
			return false
		}
	}
	roots := x509.NewCertPool()
	for _, certificate := range authority {
		roots.AddCert(certificate)
	}
	_, err = have.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}

func covers(have, want []string) bool {
	for _, name := range want {
		if !slices.Contains(have, name) {
			return false
		}
	}
	return true
}

func readCertificates(path string) ([]*x509.Certificate, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var certificates []*x509.Certificate
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("error reading %s: %w", path, err)
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, fmt.Errorf("error reading %s: data does not contain any valid RSA or ECDSA certificates", path)
	}
	return certificates, nil
}

func readKey(path string) (crypto.Signer, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return key, nil
		}
		if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return key, nil
		}
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if signer, ok := key.(crypto.Signer); ok {
				return signer, nil
			}
		}
	}
	return nil, fmt.Errorf("error reading %s: data does not contain a valid RSA or ECDSA private key", path)
}

func serial() *big.Int {
	limit := new(big.Int).Lsh(big.NewInt(1), 62)
	// crypto/rand never fails on the systems Go supports: it aborts instead.
	value, _ := rand.Int(rand.Reader, limit)
	return value
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

func exist(paths ...string) bool {
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return false
		}
	}
	return true
}
