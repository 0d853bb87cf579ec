package bundle

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

func TestKeyIsTwelveHexDigitsOfTheHash(t *testing.T) {
	// sha256("") starts e3b0c44298fc: the row of a cluster that had no token.
	if key := Key(""); key != "/bootstrap/e3b0c44298fc" {
		t.Errorf("Key(\"\") = %s", key)
	}
}

func TestSealedValueOpensWithTheSamePassword(t *testing.T) {
	sealed, err := Seal("secret", []byte("bundle"))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Open("secret", sealed)
	if err != nil || !bytes.Equal(opened, []byte("bundle")) {
		t.Errorf("Open = %q, %v", opened, err)
	}
}

func TestSealedValueHasTheKnownLayout(t *testing.T) {
	sealed, err := Seal("secret", []byte("bundle"))
	if err != nil {
		t.Fatal(err)
	}
	salt, encoded, _ := strings.Cut(string(sealed), ":")
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(salt) {
		t.Errorf("salt %q is not 16 hex digits", salt)
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if want := 12 + len("bundle") + 16; err != nil || len(raw) != want {
		t.Errorf("payload has %d bytes (%v), want nonce, text and tag: %d", len(raw), err, want)
	}
}

func TestKnownValueOpens(t *testing.T) {
	// Made with another implementation: PBKDF2-HMAC-SHA1 over the salt's ASCII
	// text, 4096 rounds, AES-256-GCM, nonce of twelve bytes 0 to 11.
	const value = "0011223344556677:AAECAwQFBgcICQoLpEqoIX5iyqopf4TvgVXsSNBx7Sm6f1mX5Nu4Yg=="
	opened, err := Open("abc", []byte(value))
	if err != nil || string(opened) != "known bundle" {
		t.Errorf("Open = %q, %v", opened, err)
	}
}

func TestOpenFails(t *testing.T) {
	sealed, err := Seal("secret", []byte("bundle"))
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		password string
		value    []byte
	}{
		"with another password": {"other", sealed},
		"without a separator":   {"secret", []byte("nothing")},
		"on a short value":      {"secret", []byte("0123456789abcdef:AAAA")},
		"on no base64":          {"secret", []byte("0123456789abcdef:!!")},
	} {
		t.Run(name, func(t *testing.T) {
			if opened, err := Open(row.password, row.value); err == nil {
				t.Errorf("Open gave %q", opened)
			}
		})
	}
}
