// Package bundle is the sealed bootstrap data of a k3s cluster: the CA pairs
// and secrets that a restored datastore needs in order to be the same cluster.
// It names the datastore row, seals and opens its value, and reconciles the
// files on disk with it. It does not talk to the datastore; the server does.
//
// Source: k3s-io/k3s pkg/cluster/encrypt.go at 0c5577a8, pkg/bootstrap/bootstrap.go
// at ed0d77ae, pkg/cluster/bootstrap.go about v1.33 (facts, no code).
package bundle

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"k3s-standin/token"
)

const (
	// Prefix of every bootstrap row's key.
	Prefix = "/bootstrap"

	iterations     = 4096
	keySizeBytes   = 32
	saltSizeBytes  = 8
	keyNameHexLen  = 12
	saltSeparator  = ":"
	malformedValue = "invalid cipher text, not : delimited"
)

// Key is the name of the row that holds the bundle for a normalised token.
func Key(password string) string {
	digest := sha256.Sum256([]byte(password))
	return Prefix + "/" + hex.EncodeToString(digest[:])[:keyNameHexLen]
}

// Seal encrypts a plaintext bundle for a normalised token, with a fresh salt and nonce.
func Seal(password string, plaintext []byte) ([]byte, error) {
	salt := token.Random(saltSizeBytes)
	aead, err := aeadFor(password, salt)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce)
	sealed := aead.Seal(nonce, nonce, plaintext, nil)
	return []byte(salt + saltSeparator + base64.StdEncoding.EncodeToString(sealed)), nil
}

// Open decrypts a row's value; a wrong token fails the authentication of the cipher.
func Open(password string, value []byte) ([]byte, error) {
	salt, encoded, found := strings.Cut(string(value), saltSeparator)
	if !found {
		return nil, errors.New(malformedValue)
	}
	sealed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	aead, err := aeadFor(password, salt)
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("invalid cipher text, too short")
	}
	return aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], nil)
}

// aeadFor derives the key. The salt is the ASCII text itself, not the bytes it spells.
func aeadFor(password, salt string) (cipher.AEAD, error) {
	key, err := pbkdf2.Key(sha1.New, password, []byte(salt), iterations, keySizeBytes)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
