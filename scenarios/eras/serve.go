package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	servedWrites   = 40 // of which a compaction keeps servedRetained
	servedRetained = 10
	servedDeadline = 60 * time.Second
)

// served is what one release of kine makes of a database that it is given.
type served struct {
	Listed    int    `json:"listed"`    // live keys below /registry/, at the revision asked for
	Revision  int64  `json:"revision"`  // meanwhile: kine deletes what has outlived its lease
	Old       string `json:"old"`       // what a watch from an older revision is told
	First     int64  `json:"first"`     // revision of the first new write
	Seen      int    `json:"seen"`      // new writes that a watch saw, in their order
	Compacted bool   `json:"compacted"` // the first of them cannot be read any more
}

// serve has a kine serve the database, from which it deletes one key, and says on out what it made of it.
func serve(ctx context.Context, kines, version, database, doomed string, old, from int64, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, servedDeadline)
	defer cancel()
	how := step{version: version, compaction: byClient, retain: servedRetained}
	if version == newestA {
		how.compaction = byKine
	}
	running, err := startKine(ctx, filepath.Join(kines, version), how, database)
	if err != nil {
		return err
	}
	result, err := lookAt(ctx, running.client, old, from, doomed, how)
	if err != nil {
		running.kill()
		return fmt.Errorf("kine %s: %w", version, err)
	}
	if err := running.stop(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}

func servedKey(number int) string {
	return fmt.Sprintf("/registry/configmaps/default/served-%d", number)
}

func lookAt(ctx context.Context, client *clientv3.Client, old, from int64, doomed string, how step) (served, error) {
	list, err := client.Get(ctx, "/registry/", clientv3.WithPrefix(), clientv3.WithRev(from))
	if err != nil {
		return served{}, fmt.Errorf("listing: %w", err)
	}
	result := served{Listed: len(list.Kvs), Revision: list.Header.Revision}
	for answer := range client.Watch(ctx, "/registry/", clientv3.WithPrefix(), clientv3.WithRev(old)) {
		result.Old = fmt.Sprint(answer.Err())
		break
	}
	for _, one := range list.Kvs {
		if string(one.Key) != doomed {
			continue
		}
		answer, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(doomed), "=", one.ModRevision)).
			Then(clientv3.OpDelete(doomed)).Else(clientv3.OpGet(doomed)).Commit()
		if err != nil || !answer.Succeeded {
			return result, fmt.Errorf("deleting %s: %w", doomed, errors.Join(err, ctx.Err()))
		}
	}
	events := client.Watch(ctx, "/registry/", clientv3.WithPrefix(), clientv3.WithRev(result.Revision+1))
	for at := range servedWrites {
		key := servedKey(at)
		answer, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).
			Then(clientv3.OpPut(key, "{}")).Commit()
		if err != nil || !answer.Succeeded {
			return result, fmt.Errorf("writing: %w", errors.Join(err, ctx.Err()))
		}
		if at == 0 {
			result.First = answer.Header.Revision
		}
	}
	for result.Seen < servedWrites {
		answer, open := <-events
		if !open || answer.Err() != nil {
			return result, fmt.Errorf("watching: %w", errors.Join(answer.Err(), ctx.Err()))
		}
		for _, event := range answer.Events {
			if string(event.Kv.Key) == servedKey(result.Seen) {
				result.Seen++
			}
		}
	}
	if how.version == oldestA {
		return result, nil // it compacts every five minutes
	}
	return result, awaitCompaction(ctx, client, how, &result)
}

// awaitCompaction returns once the first new write lies before the compact revision.
func awaitCompaction(ctx context.Context, client *clientv3.Client, how step, result *served) error {
	if how.compaction == byClient {
		asking, enough := context.WithCancel(ctx)
		defer enough()
		go newCluster(nil, 1).compact(asking, client)
	}
	for ctx.Err() == nil {
		_, err := client.Get(ctx, "/registry/health", clientv3.WithRev(result.First))
		if result.Compacted = errors.Is(err, rpctypes.ErrCompacted); result.Compacted {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("waiting for a compaction: %w", ctx.Err())
}
