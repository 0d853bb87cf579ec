package bundle

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var stored = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// prepared is a server directory with something in each folder of material.
func prepared(t *testing.T) (dir string, paths Paths) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"cred", "tls/etcd"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, name, "present"), "x", stored)
	}
	return dir, Paths{"ServerCA": filepath.Join(dir, "tls", "server-ca.crt"), "EncryptionConfig": ""}
}

func put(t *testing.T, path, content string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestReconcileComparesFileByFile(t *testing.T) {
	for name, row := range map[string]struct {
		disk    string
		later   time.Duration
		refused bool
		becomes string
	}{
		"same content, much newer":        {"stored", time.Hour, false, "stored"},
		"other content, older":            {"other", -time.Hour, false, "stored"},
		"other content, two seconds":      {"other", 2 * time.Second, false, "stored"},
		"other content, three seconds":    {"other", 3 * time.Second, true, "other"},
		"other content, much newer":       {"other", time.Hour, true, "other"},
		"nothing on disk, others present": {"", 0, false, "stored"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, paths := prepared(t)
			path := paths["ServerCA"]
			if row.disk != "" {
				put(t, path, row.disk, stored.Add(row.later))
			}
			err := Reconcile(Files{"ServerCA": {stored, []byte("stored")}}, paths, dir)
			var newer *NewerError
			if errors.As(err, &newer) != row.refused {
				t.Fatalf("Reconcile = %v, refused should be %v", err, row.refused)
			}
			if row.refused && !strings.HasPrefix(err.Error(), path+" newer than datastore and could cause a cluster outage. Remove") {
				t.Errorf("text is %q", err)
			}
			content, err := os.ReadFile(path)
			if err != nil || string(content) != row.becomes {
				t.Errorf("file is %q, %v; want %q", content, err, row.becomes)
			}
		})
	}
}

func TestReconcileWritesEverythingWithItsTimeIntoAnEmptyFolder(t *testing.T) {
	dir, paths := prepared(t)
	put(t, paths["ServerCA"], "newer and other", stored.Add(time.Hour))
	if err := os.Remove(filepath.Join(dir, "cred", "present")); err != nil {
		t.Fatal(err)
	}
	if err := Reconcile(Files{"ServerCA": {stored, []byte("stored")}}, paths, dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(paths["ServerCA"])
	if err != nil || !info.ModTime().Equal(stored) {
		t.Errorf("time is %v, %v; want %v", info.ModTime(), err, stored)
	}
}

func TestReconcilePassesOverAMemberWithoutAPath(t *testing.T) {
	dir, paths := prepared(t)
	if err := Reconcile(Files{"EncryptionConfig": {stored, []byte("{}")}}, paths, dir); err != nil {
		t.Error(err)
	}
}

func TestDecodeReadsTheFormatBeforeTimes(t *testing.T) {
	old, err := json.Marshal(map[string][]byte{"ServerCA": []byte("certificate")})
	if err != nil {
		t.Fatal(err)
	}
	files, err := Decode(old)
	if err != nil || string(files["ServerCA"].Content) != "certificate" {
		t.Errorf("Decode = %v, %v", files, err)
	}
}

func TestDecodeGivesBackWhatReadFromDiskGathered(t *testing.T) {
	_, paths := prepared(t)
	put(t, paths["ServerCA"], "certificate", stored)
	plaintext, err := ReadFromDisk(paths)
	if err != nil {
		t.Fatal(err)
	}
	files, err := Decode(plaintext)
	if err != nil || len(files) != 1 || !files["ServerCA"].Timestamp.Equal(stored) {
		t.Errorf("Decode = %v, %v", files, err)
	}
}
