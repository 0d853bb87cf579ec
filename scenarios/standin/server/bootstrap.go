package server

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/k3s-io/kine/pkg/client"
	"github.com/k3s-io/kine/pkg/endpoint"
	"github.com/sirupsen/logrus"

	"k3s-standin/bundle"
	"k3s-standin/token"
)

// lockAttempts is how many times, a second apart, an empty row is waited for
// before it is taken for the lock of a server that died.
const lockAttempts = 5

var errOtherToken = errors.New("bootstrap data already found and encrypted with different token")

// bootstrapRow is the one datastore row that makes a cluster the same cluster.
//
// Source: k3s-io/k3s pkg/cluster/storage.go about v1.33 (facts, no code).
type bootstrapRow struct {
	datastore client.Client
	files     bundle.Paths
	serverDir string
	// raw is the token as given; it is empty if none was given or found on disk.
	raw string
}

func openBootstrapRow(etcd endpoint.ETCDConfig, files bundle.Paths, serverDir, raw string) (*bootstrapRow, error) {
	datastore, err := client.New(etcd)
	if err != nil {
		return nil, err
	}
	return &bootstrapRow{datastore, files, serverDir, raw}, nil
}

func (b *bootstrapRow) close() { _ = b.datastore.Close() }

// load brings the files of the row to disk. It returns true if there is no
// row, which makes this the first start of a new cluster: then it has left an
// empty row as a lock, and save must fill it. Without a token it looks at
// nothing and returns true; save will find out, after new authorities were made.
func (b *bootstrapRow) load(ctx context.Context) (mustSave bool, err error) {
	if b.raw == "" {
		return true, nil
	}
	password, err := token.Normalise(b.raw)
	if err != nil {
		return false, err
	}
	for attempt := 1; ; attempt++ {
		done, mustSave, err := b.tryLoad(ctx, password, attempt%lockAttempts == 0)
		if done || err != nil {
			return mustSave, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (b *bootstrapRow) tryLoad(ctx context.Context, password string, breakLock bool) (done, mustSave bool, err error) {
	row, err := b.find(ctx, password)
	if err != nil {
		return false, false, err
	}
	if row == nil {
		err := b.datastore.Create(ctx, bundle.Key(password), []byte{})
		switch {
		case err == nil:
			logrus.Info("Bootstrap key locked for initial create")
			return true, true, nil
		case isExists(err):
			logrus.Info("Bootstrap key already locked - waiting for data to be populated by another server")
			return false, false, nil
		default:
			return false, false, err
		}
	}
	if len(row.Data) == 0 {
		if !breakLock {
			logrus.Info("Bootstrap key is locked - waiting for data to be populated by another server")
			return false, false, nil
		}
		logrus.Info("Bootstrap key lock timed out - deleting lock and retrying")
		return false, false, b.datastore.Delete(ctx, bundle.Key(password), row.Modified)
	}
	plaintext, err := bundle.Open(password, row.Data)
	if err != nil {
		return false, false, err
	}
	logrus.Info("Reconciling bootstrap data between datastore and disk")
	files, err := bundle.Decode(plaintext)
	if err != nil {
		return false, false, err
	}
	return true, false, bundle.Reconcile(files, b.files, b.serverDir)
}

// save seals the files on disk into the row. A filled row is left as it is.
func (b *bootstrapRow) save(ctx context.Context, raw string) error {
	logrus.Info("Saving cluster bootstrap data to datastore")
	password, err := token.Normalise(raw)
	if err != nil {
		return err
	}
	sealed, err := b.seal(password)
	if err != nil {
		return err
	}
	row, err := b.find(ctx, password)
	if err != nil {
		return err
	}
	if row == nil {
		return b.datastore.Create(ctx, bundle.Key(password), sealed)
	}
	if len(row.Data) != 0 {
		logrus.Warn("Bootstrap key already exists")
		return nil
	}
	logrus.Info("Bootstrap key lock is held")
	rows, err := b.datastore.List(ctx, bundle.Prefix, 0)
	if err != nil {
		return err
	}
	if len(rows) != 1 {
		return errors.New("found multiple bootstrap keys in storage")
	}
	return b.datastore.Update(ctx, bundle.Key(password), row.Modified, sealed)
}

// seal reads the files on disk.
func (b *bootstrapRow) seal(password string) ([]byte, error) {
	plaintext, err := bundle.ReadFromDisk(b.files)
	if err != nil {
		return nil, err
	}
	return bundle.Seal(password, plaintext)
}

// find returns the row of this token, nil if there is no row at all, and
// errOtherToken if there are only rows of others. A row kept under the empty
// token, or under the token before normalisation, is moved to its right place.
func (b *bootstrapRow) find(ctx context.Context, password string) (*client.Value, error) {
	rows, err := b.datastore.List(ctx, bundle.Prefix, 0)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if len(rows) > 1 {
		logrus.Warn("found multiple bootstrap keys in storage")
	}
	moved := false
	for _, row := range rows {
		for _, old := range []string{"", b.raw} {
			if string(row.Key) != bundle.Key(old) || bundle.Key(old) == bundle.Key(password) {
				continue
			}
			if err := b.move(ctx, row, old, password); err != nil {
				return nil, err
			}
			moved = true
			break
		}
	}
	if moved {
		if rows, err = b.datastore.List(ctx, bundle.Prefix, 0); err != nil {
			return nil, err
		}
	}
	for _, row := range rows {
		if string(row.Key) == bundle.Key(password) {
			return &row, nil
		}
	}
	return nil, errOtherToken
}

func (b *bootstrapRow) move(ctx context.Context, row client.Value, oldPassword, password string) error {
	logrus.Warnf("Bootstrap data encrypted with old token format or empty string, deleting and resaving with token")
	plaintext, err := bundle.Open(oldPassword, row.Data)
	if err != nil {
		return err
	}
	sealed, err := bundle.Seal(password, plaintext)
	if err != nil {
		return err
	}
	if err := b.datastore.Create(ctx, bundle.Key(password), sealed); err != nil && !isExists(err) {
		return err
	}
	logrus.Infof("created bootstrap key %s", bundle.Key(password))
	if err := b.datastore.Delete(ctx, string(row.Key), row.Modified); err != nil {
		logrus.Warnf("failed to delete old bootstrap key %s", row.Key)
	}
	return nil
}

// isExists recognises kine's client by its text: it has no value to compare with.
func isExists(err error) bool { return err != nil && err.Error() == "key exists" }

// tokenOnDisk reads server/token; an absent or empty file gives "".
func tokenOnDisk(path string) (string, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(content)), err
}
