package token

import (
	"strings"
	"testing"
)

func TestNormaliseKeepsThePasswordOnly(t *testing.T) {
	hash := strings.Repeat("a", 64)
	for name, row := range map[string]struct{ given, password string }{
		"bare password":                  {"secret", "secret"},
		"bare with a colon stays whole":  {"server:abc", "server:abc"},
		"full form":                      {"K10" + hash + "::server:abc", "abc"},
		"full form of an agent":          {"K10" + hash + "::node:abc", "abc"},
		"full form without a hash":       {"K10::server:x", "x"},
		"password with colons":           {"K10" + hash + "::server:a:b::c", "a:b::c"},
		"bare with a dot of other sizes": {"abc.def", "abc.def"},
	} {
		t.Run(name, func(t *testing.T) {
			password, err := Normalise(row.given)
			if err != nil || password != row.password {
				t.Errorf("Normalise(%q) = %q, %v; want %q", row.given, password, err, row.password)
			}
		})
	}
}

func TestNormaliseRefusesWhatK3sRefuses(t *testing.T) {
	for name, given := range map[string]string{
		"empty":                         "",
		"kubeadm token":                 "abcdef.0123456789abcdef",
		"hash of the wrong length":      "K10abc::server:abc",
		"bare secret that starts K10":   "K10secret",
		"full form without a password":  "K10::server:",
		"full form of a kubeadm token":  "K10::abcdef.0123456789abcdef",
		"full form without a user name": "K10" + strings.Repeat("a", 64) + "::secret",
	} {
		t.Run(name, func(t *testing.T) {
			if password, err := Normalise(given); err != ErrFormat {
				t.Errorf("Normalise(%q) = %q, %v; want ErrFormat", given, password, err)
			}
		})
	}
}

func TestFormatNeedsACertificate(t *testing.T) {
	if full, err := Format("server:x", []byte("not PEM")); err == nil {
		t.Errorf("Format gave %q for no certificate", full)
	}
}
