package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// camera takes snapshots of a database from a process of its own, inside one read transaction each.
type camera struct {
	database string
	out      string
	name     string
	taken    int
}

func (c *camera) next() string {
	c.taken++
	return filepath.Join(c.out, fmt.Sprintf("%s-%04d.db", c.name, c.taken))
}

// take copies page by page and by VACUUM INTO in turns, both as products do.
func (c *camera) take() error {
	target := c.next()
	script := "VACUUM INTO '" + target + "'"
	if c.taken%2 == 1 {
		// The transaction keeps the copy from starting again whenever somebody writes.
		script = "BEGIN;\nSELECT count(*) FROM kine;\n.backup " + target + "\nCOMMIT;"
	}
	command := exec.Command("sqlite3", "-readonly", "-batch", "-bail", c.database, ".timeout 30000")
	command.Args = append(command.Args, strings.Split(script, "\n")...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("snapshot %s: %w: %s", target, err, output)
	}
	return nil
}

// takeRemains copies the file and the WAL of a database that nobody has open.
func (c *camera) takeRemains() error {
	target := c.next()
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(c.database + suffix)
		if err != nil {
			if suffix != "" && os.IsNotExist(err) {
				continue
			}
			return err
		}
		if err := os.WriteFile(target+suffix, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
