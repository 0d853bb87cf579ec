package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/k3s-io/kine/pkg/client"
	"github.com/sirupsen/logrus"

	"k3s-standin/bundle"
	"k3s-standin/command"
	"k3s-standin/token"
)

// maintained is a stopped server's data directory, with kine up and the bundle
// on disk. k3s does these things through its supervisor while it runs.
type maintained struct {
	*Server
	store    *datastore
	row      *bootstrapRow
	sealed   *client.Value
	password string
}

// RotateToken seals the bundle with another token, which is then the server's,
// and the agents' too if they had the same.
//
// Source: k3s-io/k3s pkg/server/handlers/token.go at b462a5f7 (facts, no code).
func RotateToken(ctx context.Context, given command.Maintenance) error {
	if given.NewToken == "" {
		given.NewToken = token.Random(tokenSizeByte)
	}
	password, err := token.Normalise(given.NewToken)
	if err != nil {
		return fmt.Errorf("the new token: %w", err)
	}
	m, err := maintain(ctx, given)
	if err != nil {
		return err
	}
	defer m.close()
	known, err := readPasswords(m.paths.passwd())
	if err != nil {
		return err
	}
	old := known.of(serverUser)
	known.ensure(serverUser, "k3s:server", password)
	if known.of(agentUser) == old {
		known.ensure(agentUser, "k3s:agent", password)
	}
	if err := known.write(m.paths.passwd()); err != nil {
		return err
	}
	full, err := m.fullToken(serverUser, password)
	if err != nil {
		return err
	}
	if err := os.WriteFile(m.paths.in("token"), []byte(full+"\n"), secretFileMode); err != nil {
		return err
	}
	if password != m.password {
		if err := m.row.move(ctx, *m.sealed, m.password, password); err != nil {
			return err
		}
	}
	return m.row.overwrite(ctx, password)
}

// RotateEncryptionKeys puts a new key before the others, so that it is the one
// that encrypts. It encrypts nothing anew, and so keeps the old keys.
//
// Source: k3s-io/k3s pkg/server/handlers/secrets-encrypt.go at 0b6425ac (facts, no code).
func RotateEncryptionKeys(ctx context.Context, given command.Maintenance) error {
	m, err := maintain(ctx, given)
	if err != nil {
		return err
	}
	defer m.close()
	content, err := os.ReadFile(m.paths.encryptionConfig())
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("secrets encryption is not enabled")
	}
	if err != nil {
		return err
	}
	if content, err = withNewKey(content); err != nil {
		return err
	}
	if err := os.WriteFile(m.paths.encryptionConfig(), content, secretFileMode); err != nil {
		return err
	}
	if err := writeEncryptionState(m.paths.encryptionState(), "rotate", content); err != nil {
		return err
	}
	return m.row.overwrite(ctx, m.password)
}

// maintain opens the row of a stopped server with its token and brings its files to disk.
func maintain(ctx context.Context, given command.Maintenance) (m *maintained, err error) {
	m = &maintained{Server: &Server{}}
	if m.paths, err = pathsIn(given.DataDir); err != nil {
		return nil, err
	}
	if _, err := os.Stat(m.paths.in("db", "state.db")); err != nil {
		return nil, fmt.Errorf("no server has been here: %w", err)
	}
	if err := os.Chdir(m.paths.root); err != nil {
		return nil, err
	}
	if connection, err := net.Dial("unix", "kine.sock"); err == nil {
		_ = connection.Close()
		return nil, fmt.Errorf("a server runs on %s: stop it first", m.paths.root)
	}
	raw := given.Token
	if raw == "" {
		if raw, err = tokenOnDisk(m.paths.in("token")); err != nil {
			return nil, err
		}
	}
	if m.password, err = token.Normalise(raw); err != nil {
		return nil, err
	}
	if m.store, err = startDatastore(""); err != nil {
		return nil, err
	}
	if err := m.open(ctx, raw); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *maintained) open(ctx context.Context, raw string) (err error) {
	if m.row, err = openBootstrapRow(m.store.etcd, nil, m.paths.root, raw); err != nil {
		return err
	}
	m.sealed, err = m.row.find(ctx, m.password)
	switch {
	case errors.Is(err, errOtherToken):
		return fmt.Errorf("the token is not the one of this server: %w", err)
	case err != nil:
		return err
	case m.sealed == nil || len(m.sealed.Data) == 0:
		return errors.New("no bootstrap data found")
	}
	plaintext, err := bundle.Open(m.password, m.sealed.Data)
	if err != nil {
		return err
	}
	files, err := bundle.Decode(plaintext)
	if err != nil {
		return err
	}
	_, encrypts := files["EncryptionConfig"]
	m.row.files = m.paths.bundle(encrypts)
	return bundle.Reconcile(files, m.row.files, m.paths.root)
}

func (m *maintained) close() {
	if m.row != nil {
		m.row.close()
	}
	if err := m.checkpoint(); err != nil {
		logrus.Warnf("What was done may be in state.db-wal only: %v", err)
	}
	m.store.stop(datastoreStopWithin)
}

// checkpoint puts all into the database file: so soon after its start, kine does not always do so when it ends.
func (m *maintained) checkpoint() error {
	database, err := openDatabase(m.paths)
	if err != nil {
		return err
	}
	defer database.Close()
	var busy, pages, moved int
	if err := database.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errors.New("the database is in use")
	}
	return nil
}

// overwrite seals the files on disk into the row, whatever it holds.
func (b *bootstrapRow) overwrite(ctx context.Context, password string) error {
	sealed, err := b.seal(password)
	if err != nil {
		return err
	}
	row, err := b.datastore.Get(ctx, bundle.Key(password))
	if err != nil {
		return err
	}
	logrus.Info("Saving cluster bootstrap data to datastore")
	return b.datastore.Update(ctx, bundle.Key(password), row.Modified, sealed)
}
