package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// skewSeconds is how much newer than its stored time a differing file must be
// before a start is refused instead of the file being overwritten.
const skewSeconds = 3

// File is one member of the bundle. The field names are the stored format.
type File struct {
	Timestamp time.Time
	Content   []byte
}

// Files is a whole bundle by member name.
type Files map[string]File

// Paths tells where each member lives on disk. A member whose path is empty
// or absent is one this server does not use, such as the encryption
// configuration while secrets encryption is off.
type Paths map[string]string

// NewerError names files on disk that differ from the datastore and are newer.
type NewerError struct{ Files []string }

func (e *NewerError) Error() string {
	return strings.Join(e.Files, ", ") + " newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore."
}

// Decode reads a plaintext bundle, in the present format or in the one before v1.22.
func Decode(plaintext []byte) (Files, error) {
	files := Files{}
	if err := json.Unmarshal(plaintext, &files); err == nil {
		return files, nil
	}
	logrus.Info("Migrating bootstrap data to new format")
	old := map[string][]byte{}
	if err := json.Unmarshal(plaintext, &old); err != nil {
		return nil, err
	}
	files = Files{}
	for name, content := range old {
		files[name] = File{Content: content}
	}
	return files, nil
}

// ReadFromDisk gathers the bundle; members that do not exist are left out with a warning.
func ReadFromDisk(paths Paths) ([]byte, error) {
	files := Files{}
	for name, path := range paths {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			logrus.Warnf("failed to stat %s: %v", name, err)
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files[name] = File{Timestamp: info.ModTime(), Content: content}
	}
	var encoded bytes.Buffer
	if err := json.NewEncoder(&encoded).Encode(files); err != nil {
		return nil, err
	}
	return encoded.Bytes(), nil
}

// WriteToDisk writes every member that has a path, with its stored time.
func WriteToDisk(files Files, paths Paths) error {
	for name, file := range files {
		path := paths[name]
		if path == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("failed to mkdir %s: %w", filepath.Dir(path), err)
		}
		if err := os.WriteFile(path, file.Content, 0o600); err != nil {
			return fmt.Errorf("failed to write to %s: %w", path, err)
		}
		if err := os.Chtimes(path, file.Timestamp, file.Timestamp); err != nil {
			return fmt.Errorf("failed to update modified time on %s: %w", path, err)
		}
	}
	return nil
}

// Reconcile brings the disk in line with a bundle from the datastore.
// A missing or empty cred, tls or tls/etcd under serverDir makes it write
// everything; otherwise members are compared one by one, and a *NewerError
// comes back, with nothing written, if any differing file is newer on disk.
func Reconcile(files Files, paths Paths, serverDir string) error {
	if lacksMaterial(serverDir) {
		return WriteToDisk(files, paths)
	}
	var newer []string
	write := false
	for _, name := range sortedNames(files) {
		path := paths[name]
		if path == "" {
			logrus.Warnf("Unable to lookup path to reconcile %s", name)
			continue
		}
		state, err := compare(path, files[name])
		if err != nil {
			return fmt.Errorf("failed to get update status of %s: %w", name, err)
		}
		if state == newerOnDisk {
			newer = append(newer, path)
		}
		write = write || state != same
	}
	if len(newer) > 0 {
		return &NewerError{Files: newer}
	}
	if !write {
		return nil
	}
	logrus.Warn("Updating bootstrap data on disk from datastore")
	return WriteToDisk(files, paths)
}

func lacksMaterial(serverDir string) bool {
	for _, name := range []string{"cred", "tls", "tls/etcd"} {
		entries, err := os.ReadDir(filepath.Join(serverDir, name))
		if err != nil || len(entries) == 0 {
			return true
		}
	}
	return false
}

type state int

const (
	same state = iota
	olderOnDisk
	newerOnDisk
)

func compare(path string, stored File) (state, error) {
	content, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		logrus.Warn(path + " doesn't exist. continuing...")
		return olderOnDisk, nil
	}
	if err != nil {
		return same, fmt.Errorf("reconcile failed to open: %w", err)
	}
	if bytes.Equal(content, stored.Content) {
		return same, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return same, fmt.Errorf("reconcile failed to stat: %w", err)
	}
	if info.ModTime().Unix()-stored.Timestamp.Unix() >= skewSeconds {
		return newerOnDisk, nil
	}
	logrus.Warn(path + " will be updated from the datastore.")
	return olderOnDisk, nil
}

func sortedNames(files Files) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
