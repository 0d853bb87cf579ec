package workload

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

// What five minutes of a quiet three-node cluster write: thirteen leases
// renewed every ten seconds, a node status each, events and a few edits, as
// many as an hour has.
const (
	slice            = 5 * time.Minute
	slicesPerHour    = int(time.Hour / slice)
	renewalEvery     = 10 * time.Second
	renewalsPerSlice = int(slice / renewalEvery)
	eventsPerHour    = 200
	editsPerHour     = 20
	replayWorkers    = 8
	replayPart       = "replay"
)

// replayed is the report of a replay.
type replayed struct {
	Step        string  `json:"step"`
	Hours       int     `json:"hours"`
	Renewals    int64   `json:"lease_renewals"`
	Events      int64   `json:"events"`
	Expired     int64   `json:"events_expired"`
	Statuses    int64   `json:"node_status_updates"`
	Edits       int64   `json:"edits"`
	Compactions int64   `json:"compactions"`
	Seconds     float64 `json:"seconds"`
}

type player struct {
	*cluster
	content  content
	teams    []string
	leases   map[leaseKey]*coordinationv1.Lease
	old      []corev1.Event
	replayed replayed
}

// replay writes the hours that lie behind now, in about the proportions of a
// quiet cluster, as fast as the cluster takes them. It needs a filled cluster.
// With a socket of kine it compacts every five of those minutes, as
// kube-apiserver does every five minutes of the clock.
func replay(ctx context.Context, c *cluster, hours int, seed uint64, socket string) (any, error) {
	start := time.Now()
	// Names of a second replay must not meet those of the first.
	p := &player{cluster: c, content: newContent(seed, int(start.UnixNano()))}
	p.replayed = replayed{Step: "replay", Hours: hours}
	if err := p.prepare(ctx); err != nil {
		return nil, fmt.Errorf("preparing the replay: %w", err)
	}
	first := start.Add(-time.Duration(hours) * time.Hour)
	for number := range hours * slicesPerHour {
		if number%slicesPerHour == 0 {
			if err := p.ageEvents(ctx); err != nil {
				return nil, fmt.Errorf("listing events: %w", err)
			}
		}
		if err := p.play(ctx, number%slicesPerHour, first.Add(time.Duration(number)*slice)); err != nil {
			return nil, fmt.Errorf("replaying churn: %w", err)
		}
		if socket != "" {
			if err := compact(ctx, socket); err != nil {
				return nil, err
			}
			p.replayed.Compactions++
		}
	}
	p.replayed.Seconds = seconds(start)
	return p.replayed, nil
}

// prepare finds the namespaces and leases that the replay writes to.
func (p *player) prepare(ctx context.Context) error {
	spaces, err := p.kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: ownLabel + "=fill"})
	if err != nil {
		return err
	}
	for _, space := range spaces.Items {
		if space.Name != nodeLeases && space.Name != loadSpace {
			p.teams = append(p.teams, space.Name)
		}
	}
	if len(p.teams) == 0 {
		return fmt.Errorf("no namespace made by a fill")
	}
	p.leases = map[leaseKey]*coordinationv1.Lease{}
	for _, key := range leaseKeys() {
		if p.leases[key], err = ensureLease(ctx, p.cluster, key); err != nil {
			return err
		}
	}
	return nil
}

// ageEvents finds the events of the hours before: kube-apiserver keeps them one
// hour, of the clock, so the replay has to remove its own.
func (p *player) ageEvents(ctx context.Context) error {
	events, err := p.kube.CoreV1().Events("").List(ctx, metav1.ListOptions{LabelSelector: ownLabel + "=" + replayPart})
	if err == nil {
		p.old = events.Items
	}
	return err
}

// play writes one slice of an hour.
func (p *player) play(ctx context.Context, number int, from time.Time) error {
	tasks := []func(context.Context) error{func(ctx context.Context) error { return p.happen(ctx, number, from) }}
	renewed := make(chan *coordinationv1.Lease, len(p.leases))
	for _, lease := range p.leases {
		tasks = append(tasks, func(ctx context.Context) error {
			last, err := p.renew(ctx, lease, from)
			renewed <- last
			return err
		})
	}
	for index := range nodeCount {
		tasks = append(tasks, func(ctx context.Context) error { return reportNode(ctx, p.cluster, index, from) })
	}
	err := inParallel(ctx, replayWorkers, len(tasks), func(ctx context.Context, index int) error { return tasks[index](ctx) })
	if err != nil {
		return err
	}
	close(renewed)
	for lease := range renewed {
		p.leases[leaseKey{lease.Namespace, lease.Name}] = lease
	}
	p.replayed.Renewals += int64(len(p.leases) * renewalsPerSlice)
	p.replayed.Statuses += int64(nodeCount)
	return nil
}

// renew renews a lease as often as a slice has renewals, and returns it as it then is.
func (p *player) renew(ctx context.Context, lease *coordinationv1.Lease, from time.Time) (*coordinationv1.Lease, error) {
	for number := range renewalsPerSlice {
		at := metav1.NewMicroTime(from.Add(time.Duration(number) * renewalEvery))
		lease.Spec.RenewTime = &at
		updated, err := p.kube.CoordinationV1().Leases(lease.Namespace).Update(ctx, lease, metav1.UpdateOptions{})
		if err != nil {
			return lease, fmt.Errorf("lease %s/%s: %w", lease.Namespace, lease.Name, err)
		}
		lease = updated
	}
	return lease, nil
}

// happen writes the events and edits of one slice, and lets its share of the old events expire.
func (p *player) happen(ctx context.Context, number int, from time.Time) error {
	old := share(len(p.old), number)
	for _, event := range p.old[old.first:old.end] {
		err := p.kube.CoreV1().Events(event.Namespace).Delete(ctx, event.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		p.replayed.Expired++
	}
	events := share(eventsPerHour, number)
	for index := range events.end - events.first {
		team := p.anyTeam()
		event := newEvent(team, p.content, from.Add(time.Duration(index)*time.Hour/eventsPerHour))
		event.Labels[ownLabel] = replayPart
		if _, err := p.kube.CoreV1().Events(team).Create(ctx, event, create); err != nil {
			return err
		}
		p.replayed.Events++
	}
	edits := share(editsPerHour, number)
	for range edits.end - edits.first {
		if err := p.edit(ctx, p.anyTeam()); err != nil {
			return err
		}
		p.replayed.Edits++
	}
	return nil
}

func (p *player) anyTeam() string { return p.teams[p.content.random.IntN(len(p.teams))] }

type span struct{ first, end int }

// share is what slice number gets of the things of an hour.
func share(count, number int) span {
	return span{count * number / slicesPerHour, count * (number + 1) / slicesPerHour}
}

func (p *player) edit(ctx context.Context, team string) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		objects := p.kube.CoreV1().ConfigMaps(team)
		object, err := objects.Get(ctx, fmt.Sprintf("config-%d", p.content.random.IntN(configMaps)), metav1.GetOptions{})
		if err != nil {
			return err
		}
		object.Data["edited"] = p.content.suffix(16)
		_, err = objects.Update(ctx, object, metav1.UpdateOptions{})
		return err
	})
}
