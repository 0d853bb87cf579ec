package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k3s-standin/bundle"
)

// maintain runs one of the commands for a stopped server.
func maintain(t *testing.T, dir string, arguments ...string) (output string, err error) {
	t.Helper()
	process := exec.Command(binary, append(arguments, "--data-dir", dir)...)
	process.Env = append(os.Environ(), "K3S_TOKEN=", "K3S_DATA_DIR=")
	said, err := process.CombinedOutput()
	return string(said), err
}

func mustMaintain(t *testing.T, dir string, arguments ...string) {
	t.Helper()
	if said, err := maintain(t, dir, arguments...); err != nil {
		t.Fatalf("%v: %v\n%s", arguments, err, said)
	}
	if log, err := os.Stat(filepath.Join(dir, "server", "db", "state.db-wal")); err == nil && log.Size() > 0 {
		t.Errorf("%v: not everything is in state.db", arguments)
	}
}

func wantRefused(t *testing.T, text, dir string, arguments ...string) {
	t.Helper()
	said, err := maintain(t, dir, arguments...)
	if err == nil || !strings.Contains(said, "level=fatal") || !strings.Contains(said, text) {
		t.Errorf("%v: %v, want a fatal line with %q\n%s", arguments, err, text, said)
	}
}

func contentOf(t *testing.T, dir string, parts ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{dir, "server"}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestTokenRotation(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, "--token", "first")
	p.awaitUp()
	uid := p.systemUID()
	wantRefused(t, "stop it first", dir, "token", "rotate", "--token", "first", "--new-token", "second")
	p.stop()

	before := contentOf(t, dir, "token")
	wantRefused(t, "bootstrap data already found and encrypted with different token", dir, "token", "rotate", "--token", "wrong", "--new-token", "second")
	wantRefused(t, "no server has been here", t.TempDir(), "token", "rotate", "--token", "first", "--new-token", "second")
	wantRefused(t, "failed to normalize server token", dir, "token", "rotate", "--token", "first", "--new-token", "K10abc::server:x")
	if contentOf(t, dir, "token") != before {
		t.Error("a refused rotation has changed the token")
	}
	mustMaintain(t, dir, "token", "rotate", "--token", "first", "--new-token", "second")
	if after := contentOf(t, dir, "token"); after != strings.Replace(before, "::server:first", "::server:second", 1) {
		t.Errorf("server/token is %s", after)
	}
	if passwd := contentOf(t, dir, "cred", "passwd"); !strings.Contains(passwd, "second,server,") || !strings.Contains(passwd, "second,node,") {
		t.Errorf("cred/passwd is %s", passwd)
	}
	if !strings.Contains(contentOf(t, dir, "db", "state.db"), bundle.Key("second")) {
		t.Error("no row has the name that follows from the new token")
	}
	// It encrypts nothing, so there is no key to rotate.
	wantRefused(t, "secrets encryption is not enabled", dir, "secrets-encrypt", "rotate-keys")
	wantRefused(t, "only the subcommand 'rotate-keys'", dir, "secrets-encrypt", "prepare")
	start(t, restored(t, dir), "--token", "first").wantFatal("bootstrap data already found and encrypted with different token")
	for name, given := range map[string]struct {
		dir   string
		extra []string
	}{"where it was rotated": {dir, nil}, "where it is restored": {restored(t, dir), []string{"--token", "second"}}} {
		t.Run(name, func(t *testing.T) {
			p := start(t, given.dir, given.extra...)
			p.awaitUp()
			if got := p.systemUID(); got != uid {
				t.Errorf("kube-system has uid %s, was %s", got, uid)
			}
			p.stop()
		})
	}
}

func TestEncryptionKeyRotation(t *testing.T) {
	dir := t.TempDir()
	secret := func(name string) string {
		return `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"` + name + `"},"stringData":{"a":"b"}}`
	}
	const path, rotated = "/api/v1/namespaces/default/secrets", "k8s:enc:aescbc:v1:aescbckey-2"
	p := start(t, dir, "--secrets-encryption")
	p.awaitUp()
	p.post(path, secret("old"))
	p.stop()
	if strings.Contains(contentOf(t, dir, "db", "state.db"), rotated) {
		t.Fatal("the new key is used before it is there")
	}
	mustMaintain(t, dir, "secrets-encrypt", "rotate-keys")
	config := contentOf(t, dir, "cred", "encryption-config.json")
	if added, kept := strings.Index(config, `"aescbckey-2`), strings.Index(config, `"aescbckey"`); added < 0 || kept < added {
		t.Errorf("the keys are %s", config)
	}
	digest := sha256.Sum256([]byte(config))
	if state := contentOf(t, dir, "cred", "encryption-state.json"); state != "rotate-"+hex.EncodeToString(digest[:]) {
		t.Errorf("the state is %s", state)
	}

	// From the database and the token alone: the key is in the bundle.
	token := strings.TrimSpace(contentOf(t, dir, "token"))
	dir = restored(t, dir)
	p = start(t, dir, "--secrets-encryption", "--token", token)
	p.awaitUp()
	p.post(path, secret("new"))
	for _, name := range []string{"old", "new"} {
		if response, body, err := p.get(path + "/" + name); err != nil || response.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"a":"Yg=="`)) {
			t.Errorf("%s: %v %s", name, err, body)
		}
	}
	p.stop()
	if !strings.Contains(contentOf(t, dir, "db", "state.db"), rotated) {
		t.Error("what is new is not encrypted with the new key")
	}
}
