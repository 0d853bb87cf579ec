package command

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// parsed parses with a config file of the given content.
func parsed(t *testing.T, config string, arguments ...string) *Settings {
	t.Helper()
	settings, err := ParseServer(append([]string{"--config", written(t, config)}, arguments...))
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

func written(t *testing.T, config string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBothWaysOfWritingAValueWork(t *testing.T) {
	settings := parsed(t, "", "--node-ip", "192.0.2.1", "--disable=traefik,servicelb", "--disable", "coredns", "-d", "/data")
	if got := settings.List("disable"); !reflect.DeepEqual(got, []string{"traefik", "servicelb", "coredns"}) {
		t.Errorf("disable = %v", got)
	}
	if got := settings.Text("data-dir"); got != "/data" {
		t.Errorf("data-dir = %s", got)
	}
}

func TestCommandLineWinsOverConfigFileOverEnvironment(t *testing.T) {
	t.Setenv("K3S_TOKEN", "environment")
	t.Setenv("K3S_NODE_NAME", "environment")
	settings := parsed(t, "token: file\nnode-name: file\ntls-san: [a, b]\nhttps-listen-port: 7443\n", "--token", "line", "--tls-san", "c")
	for name, want := range map[string]string{"token": "line", "node-name": "file"} {
		if got := settings.Text(name); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	if got := settings.List("tls-san"); !reflect.DeepEqual(got, []string{"c"}) {
		t.Errorf("tls-san = %v", got)
	}
	if got := settings.Number("https-listen-port"); got != 7443 {
		t.Errorf("https-listen-port = %d", got)
	}
}

func TestUnknownKeyOfTheConfigFileIsPassedOver(t *testing.T) {
	parsed(t, "no-such-flag: true\n")
}

func TestRefused(t *testing.T) {
	for name, row := range map[string]struct {
		arguments []string
		says      string
	}{
		"unknown flag":        {[]string{"--no-such-flag"}, "flag provided but not defined: -no-such-flag"},
		"word without a flag": {[]string{"word"}, "unexpected argument"},
		"embedded etcd":       {[]string{"--cluster-init"}, "--cluster-init"},
		"joining":             {[]string{"--server", "https://192.0.2.1:6443"}, "--server"},
		"other databases":     {[]string{"--datastore-endpoint", "postgres://x"}, "sqlite://"},
		"egress mode":         {[]string{"--egress-selector-mode", "moon"}, "invalid egress-selector-mode moon"},
		"missing config file": {[]string{"--config", "/no/such/file.yaml"}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			arguments := row.arguments
			if arguments[0] != "--config" {
				arguments = append(arguments, "--config", written(t, ""))
			}
			_, err := ParseServer(arguments)
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("ParseServer = %v, want %q in it", err, row.says)
			}
		})
	}
}
