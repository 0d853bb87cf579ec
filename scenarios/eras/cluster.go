package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const workers = 4

// record is what a client knows of one key.
type record struct {
	object
	uid      string
	revision int64 // of its newest row; 0 when there is none or it is deleted
	mortal   bool  // may be deleted and made anew
	retired  bool  // deleted for good
}

// cluster is what the clients of a database know, over the restarts of kine.
type cluster struct {
	records    []*record
	events     []object // patterns for new events
	random     *rand.Rand
	written    atomic.Int64
	bookkeeper int64   // version of the API server's compaction key
	person     *person // who lays hands on it between two snapshots; nil for nobody
}

func newCluster(objects []object, number uint64) *cluster {
	made := &cluster{random: rand.New(rand.NewPCG(number, 7))}
	for _, one := range objects {
		if strings.HasPrefix(one.key, "/registry/events/") {
			made.events = append(made.events, one)
		}
		mortal := false
		for _, kind := range []string{"events", "pods", "configmaps", "endpointslices", "leases", "roles"} {
			mortal = mortal || strings.HasPrefix(one.key, "/registry/"+kind+"/")
		}
		made.records = append(made.records, &record{object: one, mortal: mortal})
	}
	return made
}

func (c *cluster) find(key string) *record {
	for _, one := range c.records {
		if one.key == key {
			return one
		}
	}
	return nil
}

// addAlike adds roles whose names differ by what SQLite's LIKE does not see: older releases take one for another.
func (c *cluster) addAlike() {
	for _, one := range c.records {
		if !strings.HasPrefix(one.key, "/registry/roles/kube-system/") {
			continue
		}
		for _, name := range []string{"team-reader", "team_reader", "Team-reader", "team-writer", "Team_Writer"} {
			alike := object{path.Join(path.Dir(one.key), name), edited(one.value, edit{name: name, uid: newUID(c.random)})}
			c.records = append(c.records, &record{object: alike, mortal: true})
		}
		return
	}
}

// live serves the cluster by one kine for one step, and has `wanted` snapshots taken on the way.
func (c *cluster) live(ctx context.Context, program string, step step, camera *camera, wanted int) error {
	running, err := startKine(ctx, program, step, camera.database)
	if err != nil {
		return err
	}
	defer func() { running.kill() }()
	if err := c.load(ctx, running.client); err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	for range wanted {
		if c.person != nil {
			if err := c.person.next(ctx, running.client); err != nil {
				return err
			}
		}
		stop := c.work(ctx, running.client, step)
		c.awaitWrites(20 + c.random.Int64N(100))
		if step.killed {
			running.kill()
			stop()
			if err := camera.takeRemains(); err != nil {
				return err
			}
			if running, err = startKine(ctx, program, step, camera.database); err != nil {
				return err
			}
			continue
		}
		err := camera.take()
		stop()
		if err != nil {
			return err
		}
	}
	return running.stop()
}

// load creates what is not there yet.
func (c *cluster) load(ctx context.Context, client *clientv3.Client) error {
	for _, one := range c.records {
		if one.revision != 0 || one.uid != "" {
			continue
		}
		answer, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(one.key), "=", 0)).
			Then(clientv3.OpPut(one.key, string(one.value))).Commit()
		if err != nil {
			return err
		}
		one.revision = answer.Header.Revision
		one.uid = " "
	}
	return nil
}

// awaitWrites returns once the workers wrote so many rows.
func (c *cluster) awaitWrites(count int64) {
	goal := c.written.Load() + count
	deadline := time.Now().Add(20 * time.Second)
	for c.written.Load() < goal && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
}

// work has the workers write, and a watcher look on, until the returned function is called.
func (c *cluster) work(ctx context.Context, client *clientv3.Client, step step) func() {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	run := func(work func(context.Context)) {
		group.Add(1)
		go func() {
			defer group.Done()
			work(ctx)
		}()
	}
	for at := range workers {
		random := rand.New(rand.NewPCG(c.random.Uint64(), uint64(at)))
		run(func(ctx context.Context) { c.write(ctx, client, at, random) })
	}
	run(func(ctx context.Context) {
		for range client.Watch(ctx, "/registry/", clientv3.WithPrefix()) {
		}
	})
	if step.compaction == byClient {
		run(func(ctx context.Context) { c.compact(ctx, client) })
	}
	return func() {
		cancel()
		group.Wait()
	}
}

// compact keeps the books as the API server does, and asks for a compaction again and again.
func (c *cluster) compact(ctx context.Context, client *clientv3.Client) {
	for ctx.Err() == nil {
		answer, err := client.Txn(ctx).If(clientv3.Compare(clientv3.Version("compact_rev_key"), "=", c.bookkeeper)).
			Then(clientv3.OpPut("compact_rev_key", fmt.Sprint(c.written.Load()))).
			Else(clientv3.OpGet("compact_rev_key")).Commit()
		if err == nil {
			if answer.Succeeded {
				c.bookkeeper++
			} else if kvs := answer.Responses[0].GetResponseRange().Kvs; len(kvs) > 0 {
				c.bookkeeper = kvs[0].Version
			}
			client.Compact(ctx, answer.Header.Revision)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// write writes on without pause; each worker has records of its own, and meddles with others' now and then.
func (c *cluster) write(ctx context.Context, client *clientv3.Client, worker int, random *rand.Rand) {
	var mine []*record
	for at, one := range c.records {
		if at%workers == worker && strings.HasPrefix(one.key, "/registry/") && !one.retired {
			mine = append(mine, one)
		}
	}
	for ctx.Err() == nil {
		one := mine[random.IntN(len(mine))]
		if random.IntN(8) == 0 {
			one = mine[len(mine)-1-random.IntN(min(2, len(mine)))] // the last ones are busy: they come and go
		}
		var err error
		switch dice := random.IntN(100); {
		case dice < 12 && len(c.events) > 0:
			err = c.createEvent(ctx, client, random)
		case dice < 20:
			err = c.lose(ctx, client, c.records[random.IntN(len(c.records))].key)
		case one.revision == 0:
			err = c.create(ctx, client, one, random)
		case one.mortal && dice < 45:
			err = c.remove(ctx, client, one)
		default:
			err = c.update(ctx, client, one, random)
		}
		if err != nil && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond) // killed, or busy
		}
	}
}

func newUID(random *rand.Rand) string {
	a, b := random.Uint64(), random.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", uint32(a), uint16(a>>32), a>>52, b&0xfff, b>>16)
}

func (c *cluster) create(ctx context.Context, client *clientv3.Client, one *record, random *rand.Rand) error {
	uid := newUID(random)
	value := edited(one.value, edit{uid: uid})
	answer, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(one.key), "=", 0)).
		Then(clientv3.OpPut(one.key, string(value))).Commit()
	if err != nil {
		return err
	}
	if !answer.Succeeded { // an answer was lost, and with it what we knew
		return c.look(ctx, client, one)
	}
	one.revision, one.uid = answer.Header.Revision, uid
	c.written.Add(1)
	return nil
}

func (c *cluster) update(ctx context.Context, client *clientv3.Client, one *record, random *rand.Rand) error {
	change := edit{uid: strings.TrimSpace(one.uid), note: fmt.Sprint(random.Uint32())}
	answer, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(one.key), "=", one.revision)).
		Then(clientv3.OpPut(one.key, string(edited(one.value, change)))).Else(clientv3.OpGet(one.key)).Commit()
	return c.settle(one, answer, err)
}

func (c *cluster) remove(ctx context.Context, client *clientv3.Client, one *record) error {
	answer, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(one.key), "=", one.revision)).
		Then(clientv3.OpDelete(one.key)).Else(clientv3.OpGet(one.key)).Commit()
	err = c.settle(one, answer, err)
	if err == nil && answer.Succeeded {
		one.revision = 0
	}
	return err
}

// settle takes over what an update or delete answered.
func (c *cluster) settle(one *record, answer *clientv3.TxnResponse, err error) error {
	if err != nil {
		return err
	}
	if answer.Succeeded {
		one.revision = answer.Header.Revision
		c.written.Add(1)
		return nil
	}
	one.revision = 0
	for _, kv := range answer.Responses[0].GetResponseRange().Kvs {
		one.revision = kv.ModRevision
	}
	return nil
}

func (c *cluster) look(ctx context.Context, client *clientv3.Client, one *record) error {
	answer, err := client.Get(ctx, one.key)
	if err != nil {
		return err
	}
	one.revision = 0
	for _, kv := range answer.Kvs {
		one.revision = kv.ModRevision
	}
	return nil
}

// lose writes as a client does that comes too late: kine must refuse.
func (c *cluster) lose(ctx context.Context, client *clientv3.Client, key string) error {
	const stale = 2 // never the newest row of a key here
	_, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", stale)).
		Then(clientv3.OpPut(key, "never stored")).Else(clientv3.OpGet(key)).Commit()
	if err != nil {
		return err
	}
	_, err = client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision("/registry/health"), "=", 0)).
		Then(clientv3.OpPut("/registry/health", "never stored")).Commit()
	return err
}

// createEvent makes an event that lives for a second or two, or for an hour.
func (c *cluster) createEvent(ctx context.Context, client *clientv3.Client, random *rand.Rand) error {
	pattern := c.events[random.IntN(len(c.events))]
	name := fmt.Sprintf("%s.%016x", strings.SplitN(path.Base(pattern.key), ".", 2)[0], random.Uint64())
	ttl := int64(3600)
	if random.IntN(2) == 0 {
		ttl = 1 + random.Int64N(2)
	}
	lease, err := client.Grant(ctx, ttl)
	if err != nil {
		return err
	}
	key := path.Join(path.Dir(pattern.key), name)
	value := edited(pattern.value, edit{name: name, uid: newUID(random)})
	_, err = client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, string(value), clientv3.WithLease(lease.ID))).Commit()
	if err == nil {
		c.written.Add(1)
	}
	return err
}
