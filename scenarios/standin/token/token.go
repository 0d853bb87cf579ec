// Package token reads and writes k3s join tokens: the full form
// K10<CA hash>::<user>:<password> and the short form, a bare password.
// It knows nothing of files or of the datastore; the bundle package turns a
// normalised token into a key name and an encryption key.
//
// Source: k3s-io/k3s pkg/clientaccess/token.go at 0566d457 (facts, no code).
package token

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"regexp"
	"strings"
)

const prefix = "K10"

// ErrFormat is what k3s says about a token it cannot use as a server token.
var ErrFormat = errors.New("failed to normalize server token; must be in format K10<CA hash>::<username>:<password> or <password>")

// bootstrapForm is kubeadm's token, which joins agents but never servers.
var bootstrapForm = regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)

// Normalise returns the password part of a token.
// Only the K10 form is taken apart: a bare "server:abc" is the password "server:abc".
func Normalise(token string) (string, error) {
	if token == "" || bootstrapForm.MatchString(token) {
		return "", ErrFormat
	}
	if !strings.HasPrefix(token, prefix) {
		return token, nil
	}
	rest := strings.TrimPrefix(token, prefix)
	if hash, credentials, found := strings.Cut(rest, "::"); found {
		if len(hash) != 0 && len(hash) != 2*sha256.Size {
			return "", ErrFormat
		}
		rest = credentials
	}
	_, password, found := strings.Cut(rest, ":")
	if !found || password == "" {
		return "", ErrFormat
	}
	return password, nil
}

// Format returns the full form of "<user>:<password>" for the cluster whose
// server CA bundle is given as PEM.
func Format(credentials string, serverCA []byte) (string, error) {
	hash, err := HashCA(serverCA)
	if err != nil {
		return "", err
	}
	return prefix + hash + "::" + credentials, nil
}

// HashCA is the CA hash of the full form. One certificate: SHA-256 of the PEM
// file as it is. More: SHA-256 of the DER of the root of the first one's chain.
func HashCA(bundle []byte) (string, error) {
	certificates, err := certificatesOf(bundle)
	if err != nil {
		return "", err
	}
	hashed := bundle
	if len(certificates) > 1 {
		hashed = rootOf(certificates, bundle)
	}
	digest := sha256.Sum256(hashed)
	return hex.EncodeToString(digest[:]), nil
}

// Random returns size random bytes as hex.
func Random(size int) string {
	value := make([]byte, size)
	// crypto/rand never fails on the systems Go supports: it aborts instead.
	_, _ = rand.Read(value)
	return hex.EncodeToString(value)
}

func certificatesOf(bundle []byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, errors.New("data does not contain any valid RSA or ECDSA certificates")
	}
	return certificates, nil
}

func rootOf(certificates []*x509.Certificate, fallback []byte) []byte {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, certificate := range certificates[1:] {
		if len(certificate.AuthorityKeyId) == 0 || bytes.Equal(certificate.AuthorityKeyId, certificate.SubjectKeyId) {
			roots.AddCert(certificate)
		} else {
			intermediates.AddCert(certificate)
		}
	}
	chains, err := certificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates})
	if err != nil {
		return fallback
	}
	chain := chains[0]
	return chain[len(chain)-1].Raw
}
