package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/k3s-io/kine/pkg/endpoint"
	_ "github.com/mattn/go-sqlite3" // kine's
)

// Values that k3s and kine's own command line use. Compaction has no interval:
// since kine 0.13.16 kube-apiserver asks for it, every five minutes.
const (
	notifyInterval       = 5 * time.Second
	compactTimeout       = 5 * time.Second
	compactMinRetain     = 1000
	compactBatchSize     = 1000
	pollInterval         = time.Second
	pollBatchSize        = 500
	idleConnections      = 20
	idleConnectionMaxAge = 2 * time.Minute
	emulatedEtcd         = "3.6.11"
)

// kine tries to open a database 300 times, once a second.
const opensFor = 300 * time.Second

var errGivenUp = errors.New("the database cannot be opened")

// datastore is kine in this process, on ./db/state.db and ./kine.sock of the
// working directory, which is the server directory.
type datastore struct {
	etcd    endpoint.ETCDConfig
	stopped sync.WaitGroup
	cancel  context.CancelFunc
}

func startDatastore(dsn string) (*datastore, error) {
	ctx, cancel := context.WithCancel(context.Background())
	d := &datastore{cancel: cancel}
	config := endpoint.Config{
		WaitGroup:           &d.stopped,
		Endpoint:            dsn,
		NotifyInterval:      notifyInterval,
		EmulatedETCDVersion: emulatedEtcd,
		CompactTimeout:      compactTimeout,
		CompactMinRetain:    compactMinRetain,
		CompactBatchSize:    compactBatchSize,
		PollBatchSize:       pollBatchSize,
		PollInterval:        pollInterval,
	}
	config.ConnectionPoolConfig.MaxIdle = idleConnections
	config.ConnectionPoolConfig.MaxIdleTime = idleConnectionMaxAge
	begun := time.Now()
	etcd, err := endpoint.Listen(ctx, config)
	if err != nil {
		cancel()
		if time.Since(begun) >= opensFor {
			return nil, fmt.Errorf("creating storage endpoint: %w: %w", errGivenUp, err)
		}
		return nil, fmt.Errorf("creating storage endpoint: %w", err)
	}
	d.etcd = etcd
	return d, nil
}

// stop closes the socket and the database, and waits at most the given time.
func (d *datastore) stop(atMost time.Duration) {
	d.cancel()
	done := make(chan struct{})
	go func() {
		d.stopped.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(atMost):
	}
}

// openDatabase is a second connection to the file that kine has open.
func openDatabase(p paths) (*sql.DB, error) {
	return sql.Open("sqlite3", p.in("db", "state.db")+"?_busy_timeout=5000")
}
