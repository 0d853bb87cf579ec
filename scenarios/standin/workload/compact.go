package workload

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apiserver/pkg/storage/etcd3"
)

const dialTimeout = 10 * time.Second

// compact does at once what kube-apiserver does every five minutes, with its
// own function, through kine's socket. kine keeps the last thousand revisions
// whatever it is asked for.
func compact(ctx context.Context, socket string) error {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"unix://" + socket}, DialTimeout: dialTimeout, Context: ctx})
	if err != nil {
		return fmt.Errorf("opening kine's socket: %w", err)
	}
	defer client.Close()
	// The first call learns which compaction was the last, and does none itself.
	version, revision, _, err := etcd3.Compact(ctx, client, 0, 0)
	if err != nil {
		return fmt.Errorf("asking for the last compaction: %w", err)
	}
	_, _, reached, err := etcd3.Compact(ctx, client, version, revision)
	if err != nil {
		return fmt.Errorf("compacting: %w", err)
	}
	if reached != revision {
		return fmt.Errorf("kube-apiserver compacted to %d at the same time", reached)
	}
	return nil
}
