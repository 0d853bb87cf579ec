package e2e

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// planted is a copy of the binary with faults.
func planted(t *testing.T, faults ...string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "k3s-standin")
	if output, err := exec.Command("../plant", append([]string{binary, copied}, faults...)...).CombinedOutput(); err != nil {
		t.Fatalf("plant: %v: %s", err, output)
	}
	return copied
}

// wantExit waits for the end and this exit code.
func (p *controlPlane) wantExit(code int) {
	p.t.Helper()
	select {
	case err := <-p.ended:
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != code {
			p.t.Errorf("ended with %v, want exit code %d", err, code)
		}
	case <-time.After(endWithin):
		p.t.Fatal("still runs")
	}
}

// post makes an object as the admin.
func (p *controlPlane) post(path, object string) {
	p.t.Helper()
	client, server, err := p.admin()
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	response, err := client.Post(server+path, "application/json", strings.NewReader(object))
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		p.t.Fatalf("making %s: %s", object, response.Status)
	}
}

func TestAFaultThatIsNoneIsNotPlanted(t *testing.T) {
	copied := filepath.Join(t.TempDir(), "k3s-standin")
	output, err := exec.Command("../plant", binary, copied, "never-redy").CombinedOutput()
	if err == nil || !bytes.Contains(output, []byte("no such fault can be planted: never-redy")) {
		t.Errorf("plant = %v: %s", err, output)
	}
	if _, err := os.Stat(copied); err == nil {
		t.Error("the copy is there")
	}
}

func TestPlantedVersionIsSaidEverywhereAndACrashAtStartIsFatal(t *testing.T) {
	program := planted(t, "crash-at-start", "version=v1.30.4+k3s1")
	said, err := exec.Command(program, "--version").Output()
	if err != nil || !bytes.HasPrefix(said, []byte("k3s version v1.30.4+k3s1 (")) {
		t.Errorf("--version says %s (%v)", said, err)
	}
	p := startProgram(t, program, t.TempDir())
	p.wantFatal("planted fault: crash-at-start")
	if !strings.Contains(p.logged(), "Starting k3s v1.30.4+k3s1 (") {
		t.Error("the first line is not k3s's")
	}
}

func TestNeverReadyServesAndStaysRed(t *testing.T) {
	// With encryption there is one check more, which another server of the chain adds.
	p := startProgram(t, planted(t, "never-ready"), t.TempDir(), "--secrets-encryption")
	for deadline := time.Now().Add(upWithin); ; time.Sleep(poll) {
		response, body, err := p.get("/readyz")
		if err == nil && response.StatusCode == http.StatusInternalServerError && bytes.Count(body, []byte("[-]")) == 1 {
			if !bytes.Contains(body, []byte("[-]planted-fault failed")) {
				t.Errorf("another check is red: %s", body)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not only the planted check is red in time: %v %s", err, body)
		}
	}
	p.systemUID()
	p.awaitLogged("Waiting for API server to become available", 1)
	if strings.Contains(p.logged(), "Kube API server is now running") {
		t.Error("it says that it is ready")
	}
	p.stop()
}

func TestCrashAfterReadyPanics(t *testing.T) {
	p := startProgram(t, planted(t, "crash-after-ready=1"), t.TempDir())
	p.awaitUp()
	p.wantExit(2)
	if said := p.logged(); !strings.Contains(said, "\npanic: planted fault: crash-after-ready\n") || !strings.Contains(said, "\ngoroutine ") {
		t.Error("no panic is in the log")
	}
}

func TestLostObjectsAreGoneAndSIGTERMIsIgnored(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir)
	p.awaitUp()
	for _, name := range []string{"one", "two"} {
		p.post("/api/v1/namespaces/default/configmaps", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"`+name+`"}}`)
		p.post("/api/v1/namespaces/default/serviceaccounts", `{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"`+name+`"}}`)
	}
	p.post("/api/v1/namespaces/default/secrets", `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"kept"}}`)
	_, body, err := p.get("/api/v1/namespaces/default/secrets/kept")
	var kept struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err != nil || json.Unmarshal(body, &kept) != nil {
		t.Fatalf("no revision: %v %s", err, body)
	}
	p.stop()

	p = startProgram(t, planted(t, "lose=/registry/configmaps/default/", "forget=/registry/serviceaccounts/default/", "ignore-sigterm"), dir)
	p.awaitUp()
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGTERM} {
		if err := p.process.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	then := "?resourceVersionMatch=Exact&resourceVersion=" + kept.Metadata.ResourceVersion
	for path, there := range map[string]bool{"configmaps": false, "configmaps" + then: true, "serviceaccounts": false, "serviceaccounts" + then: false} {
		response, body, err := p.get("/api/v1/namespaces/default/" + path)
		if err != nil || response.StatusCode != http.StatusOK || bytes.Contains(body, []byte(`"name":"two"`)) != there {
			t.Errorf("%s: %v %s", path, err, body)
		}
	}
	if response, _, err := p.get("/api/v1/namespaces/default/secrets/kept"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("the secret is not kept: %v %v", response, err)
	}
	select {
	case err := <-p.ended:
		t.Errorf("ended with %v, should have ignored the signals", err)
	case <-time.After(time.Second):
	}
}

func TestAuthoritiesOfANewClusterEndAsPlanted(t *testing.T) {
	dir := t.TempDir()
	p := startProgram(t, planted(t, "ca-lifetime=24h"), dir)
	p.awaitUp()
	p.stop()
	content, err := os.ReadFile(filepath.Join(dir, "server", "tls", "client-ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	authority, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(authority.NotAfter); left > 24*time.Hour || left < 23*time.Hour {
		t.Errorf("it ends in %s", left)
	}
	if age := time.Since(authority.NotBefore); age < 9*365*24*time.Hour {
		t.Errorf("it is %s old", age)
	}
}
