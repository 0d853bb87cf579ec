// Package e2e starts the built stand-in and checks what a restore rests on.
// STANDIN_BINARY names the binary; without it build.sh makes one, which takes
// minutes the first time.
package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	upWithin   = 90 * time.Second
	endWithin  = 30 * time.Second
	stopWithin = 10 * time.Second
	poll       = 20 * time.Millisecond
)

var binary string

func TestMain(m *testing.M) {
	binary = os.Getenv("STANDIN_BINARY")
	if binary == "" {
		folder, err := os.MkdirTemp("", "standin")
		if err != nil {
			panic(err)
		}
		binary = filepath.Join(folder, "k3s-standin")
		if output, err := exec.Command("../build.sh", binary).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the stand-in: %v\n%s", err, output)
			os.Exit(1)
		}
		defer os.RemoveAll(folder)
	}
	os.Exit(m.Run())
}

// controlPlane is one start on one data directory.
type controlPlane struct {
	t       *testing.T
	dir     string
	port    int
	process *exec.Cmd
	ended   chan error
}

// start runs the quietest set of components, on loopback.
func start(t *testing.T, dir string, extra ...string) *controlPlane {
	t.Helper()
	return startProgram(t, binary, dir, extra...)
}

func startProgram(t *testing.T, program, dir string, extra ...string) *controlPlane {
	t.Helper()
	p := &controlPlane{t: t, dir: dir, port: freePort(t), ended: make(chan error, 1)}
	log, err := os.Create(p.log())
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.process = exec.Command(program, append([]string{"server",
		"--data-dir", dir, "--config", os.DevNull, "--write-kubeconfig", filepath.Join(dir, "kubeconfig"),
		"--https-listen-port", fmt.Sprint(p.port), "--bind-address=127.0.0.1", "--node-ip=203.0.113.10",
		"--disable-agent", "--disable-scheduler", "--disable-controller-manager", "--egress-selector-mode=cluster"}, extra...)...)
	p.process.Env = append(os.Environ(), "K3S_TOKEN=", "K3S_TOKEN_FILE=")
	p.process.Stderr = log
	p.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.process.Wait() }()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the last start:\n%s", tail(p.logged()))
		}
		_ = p.process.Process.Kill()
	})
	return p
}

func (p *controlPlane) log() string { return filepath.Join(p.dir, "log") }

func (p *controlPlane) logged() string {
	content, err := os.ReadFile(p.log())
	if err != nil {
		p.t.Fatal(err)
	}
	return string(content)
}

// awaitUp returns when the last line of a start is there.
func (p *controlPlane) awaitUp() {
	p.t.Helper()
	for deadline := time.Now().Add(upWithin); !strings.Contains(p.logged(), "k3s is up and running"); time.Sleep(poll) {
		select {
		case err := <-p.ended:
			p.t.Fatalf("ended instead of coming up: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			p.t.Fatal("not up in time")
		}
	}
}

// stop ends it by SIGTERM and wants exit code 0.
func (p *controlPlane) stop() {
	p.t.Helper()
	if err := p.process.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("stop: %v, want exit code 0", err)
		}
	case <-time.After(stopWithin):
		p.t.Fatal("did not stop in time")
	}
}

// wantFatal waits for exit code 1 and one fatal line with this text.
func (p *controlPlane) wantFatal(text string) {
	p.t.Helper()
	select {
	case err := <-p.ended:
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			p.t.Errorf("ended with %v, want exit code 1", err)
		}
	case <-time.After(endWithin):
		p.t.Fatal("still runs, should have refused")
	}
	for line := range strings.Lines(p.logged()) {
		if strings.Contains(line, "level=fatal") && strings.Contains(line, text) {
			return
		}
	}
	p.t.Errorf("no fatal line says %q", text)
}

// admin is a client with the written kubeconfig, and the address of the server; an error until that is there.
func (p *controlPlane) admin() (*http.Client, string, error) {
	var kubeconfig struct {
		Clusters []struct {
			Cluster struct {
				Server    string `json:"server"`
				Authority []byte `json:"certificate-authority-data"`
			} `json:"cluster"`
		} `json:"clusters"`
		Users []struct {
			User struct {
				Certificate []byte `json:"client-certificate-data"`
				Key         []byte `json:"client-key-data"`
			} `json:"user"`
		} `json:"users"`
	}
	content, err := os.ReadFile(filepath.Join(p.dir, "kubeconfig"))
	if err != nil {
		return nil, "", err
	}
	if err := yaml.Unmarshal(content, &kubeconfig); err != nil || len(kubeconfig.Clusters)*len(kubeconfig.Users) == 0 {
		return nil, "", fmt.Errorf("the kubeconfig is half-written: %w", err)
	}
	server, user := kubeconfig.Clusters[0].Cluster, kubeconfig.Users[0].User
	certificate, err := tls.X509KeyPair(user.Certificate, user.Key)
	if err != nil {
		return nil, "", err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(server.Authority)
	return &http.Client{Timeout: endWithin, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}},
	}}, server.Server, nil
}

// get asks as the admin.
func (p *controlPlane) get(path string) (*http.Response, []byte, error) {
	client, server, err := p.admin()
	if err != nil {
		return nil, nil, err
	}
	defer client.CloseIdleConnections()
	response, err := client.Get(server + path)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

// systemUID asks for the uid of kube-system.
func (p *controlPlane) systemUID() string {
	p.t.Helper()
	_, body, err := p.get("/api/v1/namespaces/kube-system")
	if err != nil {
		p.t.Fatal(err)
	}
	var namespace struct {
		Metadata struct {
			UID string `json:"uid"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(body, &namespace); err != nil || namespace.Metadata.UID == "" {
		p.t.Fatalf("no uid in %s (%v)", body, err)
	}
	return namespace.Metadata.UID
}

// awaitLogged returns when the log has the text so many times.
func (p *controlPlane) awaitLogged(text string, times int) {
	p.t.Helper()
	for deadline := time.Now().Add(endWithin); strings.Count(p.logged(), text) < times; time.Sleep(poll) {
		select {
		case err := <-p.ended:
			p.t.Fatalf("ended instead of saying %q %d times: %v", text, times, err)
		default:
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("it does not say %q %d times", text, times)
		}
	}
}

// listOwnKind asks from before it is served until the list holds all of this: what was refused before that.
func (p *controlPlane) listOwnKind(resource string, held ...string) (refusals []string) {
	p.t.Helper()
	for deadline := time.Now().Add(upWithin); ; time.Sleep(poll) {
		response, body, err := p.get("/apis/k3s.cattle.io/v1/" + resource)
		missing := func(text string) bool { return !strings.Contains(string(body), text) }
		if err == nil && response.StatusCode == http.StatusOK && !slices.ContainsFunc(held, missing) {
			return refusals
		}
		if err == nil && response.StatusCode == http.StatusTooManyRequests {
			refusals = append(refusals, response.Header.Get("Retry-After")+" "+string(body))
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s are not served in time: %v %s", resource, err, body)
		}
	}
}

// restored is a fresh data directory with another one's database only.
func restored(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "server", "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	copyFile(t, filepath.Join(from, "server", "db", "state.db"), filepath.Join(dir, "server", "db", "state.db"))
	return dir
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func tail(text string) string {
	const most = 4000
	return text[max(0, len(text)-most):]
}

// TestRestore makes one cluster and restores its database in every way that matters.
func TestRestore(t *testing.T) {
	original := t.TempDir()
	first := start(t, original)
	first.awaitUp()
	first.listOwnKind("addons", `"name":"rolebindings"`, `"name":"runtimes"`)
	uid := first.systemUID()
	first.stop()
	token, err := os.ReadFile(filepath.Join(original, "server", "token"))
	if err != nil {
		t.Fatal(err)
	}
	full := strings.TrimSpace(string(token))

	t.Run("database and token alone give the same cluster", func(t *testing.T) {
		dir := restored(t, original)
		copyFile(t, filepath.Join(original, "server", "token"), filepath.Join(dir, "server", "token"))
		p := start(t, dir)
		p.awaitUp()
		if got := p.systemUID(); got != uid {
			t.Errorf("kube-system has uid %s, was %s", got, uid)
		}
		if !strings.Contains(p.logged(), "Reconciling bootstrap data between datastore and disk") {
			t.Error("no line says that the bundle was read")
		}
		p.stop()
	})
	t.Run("k3s's own kinds are there, and are not listed until a moment after /readyz is ok", func(t *testing.T) {
		p := start(t, restored(t, original), "--token", full)
		refusals := p.listOwnKind("addons", `"name":"rolebindings"`, `"name":"runtimes"`)
		if len(refusals) == 0 || !strings.HasPrefix(refusals[0], "1 ") || !strings.Contains(refusals[0], "storage is (re)initializing") ||
			!strings.Contains(refusals[0], "TooManyRequests") {
			t.Errorf("not refused as kube-apiserver does: %s", refusals)
		}
		p.listOwnKind("etcdsnapshotfiles", `"items":[]`)
		p.stop()
	})
	t.Run("a database that is none, or is cut off, is tried again each second, and two signals end it", func(t *testing.T) {
		content, err := os.ReadFile(filepath.Join(original, "server", "db", "state.db"))
		if err != nil {
			t.Fatal(err)
		}
		for said, broken := range map[string][]byte{
			"Failed to ping database connection: file is not a database":           bytes.Repeat([]byte("garbage "), 4096),
			"Failed to ping database connection: database disk image is malformed": content[:len(content)/2/4096*4096],
		} {
			dir := restored(t, original)
			if err := os.WriteFile(filepath.Join(dir, "server", "db", "state.db"), broken, 0o600); err != nil {
				t.Fatal(err)
			}
			p := start(t, dir, "--token", full)
			p.awaitLogged(said, 1)
			if err := p.process.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			p.awaitLogged(said, 3)
			if err := p.process.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := <-p.ended; !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("ended with %v, want exit code 1", err)
			}
		}
	})
	t.Run("another token is refused", func(t *testing.T) {
		start(t, restored(t, original), "--token", "another").wantFatal(
			"Error: preparing server: failed to bootstrap cluster data: bootstrap data already found and encrypted with different token")
	})
	t.Run("a malformed token is refused", func(t *testing.T) {
		start(t, restored(t, original), "--token", "K10abc::server:x").wantFatal("failed to normalize server token; must be in format")
	})
	t.Run("no token makes new authorities and dies, and its files then stop the right token", func(t *testing.T) {
		dir := restored(t, original)
		start(t, dir).wantFatal("bootstrap data already found and encrypted with different token")
		// The bundle's times must lie three seconds back; the clock is not waited for.
		later := time.Now().Add(time.Minute)
		if err := os.Chtimes(filepath.Join(dir, "server", "tls", "server-ca.crt"), later, later); err != nil {
			t.Fatal(err)
		}
		start(t, dir, "--token", full).wantFatal(
			" newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore.")
	})
	t.Run("certificates without kubeconfigs die after coming up", func(t *testing.T) {
		dir := restored(t, original)
		if err := os.CopyFS(filepath.Join(dir, "server", "tls"), os.DirFS(filepath.Join(original, "server", "tls"))); err != nil {
			t.Fatal(err)
		}
		p := start(t, dir, "--token", full)
		p.wantFatal("failed to start controllers: failed to create new server context: stat " + filepath.Join(dir, "server/cred/supervisor.kubeconfig") + ": no such file or directory")
		if !strings.Contains(p.logged(), "k3s is up and running") {
			t.Error("it should have come up first")
		}
	})
	t.Run("an empty database is a new cluster", func(t *testing.T) {
		dir := t.TempDir()
		p := start(t, dir, "--token", full)
		p.awaitUp()
		if got := p.systemUID(); got == uid {
			t.Errorf("kube-system has the old uid %s", got)
		}
		if !strings.Contains(p.logged(), "Saving cluster bootstrap data to datastore") {
			t.Error("no line says that a new bundle was saved")
		}
		p.stop()
	})
}

func TestReplayCompactsAsItGoes(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir)
	p.awaitUp()
	output, err := exec.Command(binary, "workload", "--kubeconfig", filepath.Join(dir, "kubeconfig"), "--namespaces", "1",
		"--hours", "1", "--compact", filepath.Join(dir, "server", "kine.sock")).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(output), `"compactions":12`) {
		t.Errorf("not one compaction every five minutes: %s", output)
	}
	// Of more than a thousand revisions kine lets go of all but the last thousand.
	if !strings.Contains(p.logged(), "COMPACT compacted from ") {
		t.Error("kine compacted nothing")
	}
	p.stop()
}
