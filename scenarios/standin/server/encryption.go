package server

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	encryptionv1 "k8s.io/apiserver/pkg/apis/apiserver/v1"
)

const encryptionKeySizeBytes = 32

// ensureEncryption makes the encryption configuration and its state file,
// unless they came with the bundle or secrets encryption is off.
//
// Source: k3s-io/k3s pkg/secretsencrypt/config.go at 06d81cb9, deps.go (facts, no code).
func (s *Server) ensureEncryption() error {
	if !s.encryptSecrets {
		return nil
	}
	content, err := os.ReadFile(s.paths.encryptionConfig())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(content) > 0 {
		if _, err := os.Stat(s.paths.encryptionState()); err == nil {
			return nil
		}
		return writeEncryptionState(s.paths.encryptionState(), "start", content)
	}
	if content, err = newEncryptionConfig(s.encryptionProvider); err != nil {
		return err
	}
	if err := os.WriteFile(s.paths.encryptionConfig(), content, secretFileMode); err != nil {
		return err
	}
	return writeEncryptionState(s.paths.encryptionState(), "start", content)
}

func writeEncryptionState(path, stage string, config []byte) error {
	digest := sha256.Sum256(config)
	return os.WriteFile(path, []byte(stage+"-"+hex.EncodeToString(digest[:])), secretFileMode)
}

func newEncryptionKey(name string) encryptionv1.Key {
	key := make([]byte, encryptionKeySizeBytes)
	// crypto/rand never fails on the systems Go supports: it aborts instead.
	_, _ = rand.Read(key)
	return encryptionv1.Key{Name: name, Secret: base64.StdEncoding.EncodeToString(key)}
}

// withNewKey is the configuration with a new key before those of its first provider.
func withNewKey(config []byte) ([]byte, error) {
	var decoded encryptionv1.EncryptionConfiguration
	if err := json.Unmarshal(config, &decoded); err != nil {
		return nil, err
	}
	if len(decoded.Resources) == 0 || len(decoded.Resources[0].Providers) == 0 {
		return nil, errors.New("the encryption configuration has no provider")
	}
	named := "-" + time.Now().Format(time.RFC3339)
	switch first := &decoded.Resources[0].Providers[0]; {
	case first.AESCBC != nil:
		first.AESCBC.Keys = append([]encryptionv1.Key{newEncryptionKey("aescbckey" + named)}, first.AESCBC.Keys...)
	case first.Secretbox != nil:
		first.Secretbox.Keys = append([]encryptionv1.Key{newEncryptionKey("secretboxkey" + named)}, first.Secretbox.Keys...)
	default:
		return nil, errors.New("secrets encryption is not enabled")
	}
	return json.Marshal(decoded)
}

func newEncryptionConfig(provider string) ([]byte, error) {
	keys := []encryptionv1.Key{newEncryptionKey(provider + "key")}
	var first encryptionv1.ProviderConfiguration
	switch provider {
	case "aescbc":
		first.AESCBC = &encryptionv1.AESConfiguration{Keys: keys}
	case "secretbox":
		first.Secretbox = &encryptionv1.SecretboxConfiguration{Keys: keys}
	default:
		return nil, fmt.Errorf("unsupported secrets-encryption-key-type %s", provider)
	}
	return json.Marshal(encryptionv1.EncryptionConfiguration{
		TypeMeta: metav1.TypeMeta{Kind: "EncryptionConfiguration", APIVersion: "apiserver.config.k8s.io/v1"},
		Resources: []encryptionv1.ResourceConfiguration{{
			Resources: []string{"secrets"},
			Providers: []encryptionv1.ProviderConfiguration{first, {Identity: &encryptionv1.IdentityConfiguration{}}},
		}},
	})
}
