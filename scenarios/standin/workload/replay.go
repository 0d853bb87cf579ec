package workload

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

// What an hour of a quiet three-node cluster writes: thirteen leases renewed
// every ten seconds, events, a node status every five minutes, a few edits.
const (
	renewalEvery    = 10 * time.Second
	renewalsPerHour = int(time.Hour / renewalEvery)
	eventsPerHour   = 200
	statusPerHour   = 12
	editsPerHour    = 20
	replayWorkers   = 8
)

// replayed is the report of a replay.
type replayed struct {
	Step     string  `json:"step"`
	Hours    int     `json:"hours"`
	Renewals int64   `json:"lease_renewals"`
	Events   int64   `json:"events"`
	Statuses int64   `json:"node_status_updates"`
	Edits    int64   `json:"edits"`
	Seconds  float64 `json:"seconds"`
}

type player struct {
	*cluster
	seed                              uint64
	hours                             int
	renewals, events, statuses, edits atomic.Int64
}

// replay writes the hours that lie behind now, in about the proportions of a
// quiet cluster, as fast as the cluster takes them. It needs a filled cluster.
func replay(ctx context.Context, c *cluster, hours int, seed uint64) (any, error) {
	p, start := &player{cluster: c, seed: seed, hours: hours}, time.Now()
	first := start.Add(-time.Duration(hours) * time.Hour)
	var tasks []func(context.Context) error
	for _, key := range leaseKeys() {
		tasks = append(tasks, func(ctx context.Context) error { return p.renew(ctx, key, first) })
	}
	for index := range nodeCount {
		tasks = append(tasks, func(ctx context.Context) error { return p.report(ctx, index, first) })
	}
	for hour := range hours {
		tasks = append(tasks, func(ctx context.Context) error { return p.happen(ctx, hour, first) })
	}
	err := inParallel(ctx, replayWorkers, len(tasks), func(ctx context.Context, index int) error { return tasks[index](ctx) })
	if err != nil {
		return nil, fmt.Errorf("replaying churn: %w", err)
	}
	return replayed{"replay", hours, p.renewals.Load(), p.events.Load(), p.statuses.Load(), p.edits.Load(), seconds(start)}, nil
}

func (p *player) renew(ctx context.Context, key leaseKey, first time.Time) error {
	lease, err := ensureLease(ctx, p.cluster, key)
	if err != nil {
		return err
	}
	leases := p.kube.CoordinationV1().Leases(key.namespace)
	for number := range p.hours * renewalsPerHour {
		at := metav1.NewMicroTime(first.Add(time.Duration(number) * renewalEvery))
		lease.Spec.RenewTime = &at
		if lease, err = leases.Update(ctx, lease, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("lease %s/%s: %w", key.namespace, key.name, err)
		}
		p.renewals.Add(1)
	}
	return nil
}

func (p *player) report(ctx context.Context, index int, first time.Time) error {
	for number := range p.hours * statusPerHour {
		at := first.Add(time.Duration(number) * time.Hour / statusPerHour)
		if err := reportNode(ctx, p.cluster, index, at); err != nil {
			return fmt.Errorf("status of %s: %w", nodeName(index), err)
		}
		p.statuses.Add(1)
	}
	return nil
}

// happen writes the events and edits of one hour.
func (p *player) happen(ctx context.Context, hour int, first time.Time) error {
	spaces, err := p.kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: ownLabel + "=fill"})
	if err != nil {
		return err
	}
	var teams []string
	for _, space := range spaces.Items {
		if space.Name != nodeLeases {
			teams = append(teams, space.Name)
		}
	}
	if len(teams) == 0 {
		return fmt.Errorf("no namespace made by a fill")
	}
	// Names of a second replay must not meet those of the first.
	c := newContent(p.seed^uint64(time.Now().UnixNano()), hour)
	for number := range eventsPerHour {
		team := teams[c.random.IntN(len(teams))]
		at := first.Add(time.Duration(hour)*time.Hour + time.Duration(number)*time.Hour/eventsPerHour)
		if _, err := p.kube.CoreV1().Events(team).Create(ctx, newEvent(team, c, at), create); err != nil {
			return err
		}
		p.events.Add(1)
	}
	for range editsPerHour {
		if err := p.edit(ctx, teams[c.random.IntN(len(teams))], c); err != nil {
			return err
		}
		p.edits.Add(1)
	}
	return nil
}

func (p *player) edit(ctx context.Context, team string, c content) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		objects := p.kube.CoreV1().ConfigMaps(team)
		object, err := objects.Get(ctx, fmt.Sprintf("config-%d", c.random.IntN(configMaps)), metav1.GetOptions{})
		if err != nil {
			return err
		}
		object.Data["edited"] = c.suffix(16)
		_, err = objects.Update(ctx, object, metav1.UpdateOptions{})
		return err
	})
}
