package workload

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	loadSpace   = "load"
	loadWorkers = 32
	loadBytes   = 700
)

// loaded is the report of a steady load. Writes counts those that succeeded.
type loaded struct {
	Step     string  `json:"step"`
	Rate     int     `json:"rate_asked"`
	Achieved float64 `json:"rate_achieved"`
	Writes   int     `json:"writes"`
	Failed   int     `json:"failed"`
	Seconds  float64 `json:"seconds"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
}

// load updates objects of its own namespace, each worker its own object, at
// the given rate. Failed writes are counted and do not end it.
func load(ctx context.Context, c *cluster, perSecond int, length time.Duration) (any, error) {
	f := &filler{cluster: c}
	if err := f.makeNamespace(ctx, loadSpace); err != nil {
		return nil, fmt.Errorf("preparing the load: %w", err)
	}
	objects := make([]*corev1.ConfigMap, loadWorkers)
	for index := range objects {
		object, err := loadObject(ctx, c, index)
		if err != nil {
			return nil, fmt.Errorf("preparing the load: %w", err)
		}
		objects[index] = object
	}
	start := time.Now()
	limit := rate.NewLimiter(rate.Limit(perSecond), 1)
	within, cancel := context.WithDeadline(ctx, start.Add(length))
	defer cancel()
	var mutex sync.Mutex
	var took []time.Duration
	var failed int
	var group sync.WaitGroup
	for index, object := range objects {
		group.Go(func() {
			random := newContent(uint64(start.UnixNano()), index)
			for limit.Wait(within) == nil {
				began := time.Now()
				object.Data["value"] = string(random.blob(loadBytes))
				// The write itself may outlive the deadline; it is not cut off half way.
				updated, err := c.kube.CoreV1().ConfigMaps(loadSpace).Update(ctx, object, metav1.UpdateOptions{})
				mutex.Lock()
				if err != nil {
					failed++
				} else {
					took, object = append(took, time.Since(began)), updated
				}
				mutex.Unlock()
				if err != nil {
					if fresh, err := loadObject(ctx, c, index); err == nil {
						object = fresh
					}
				}
			}
		})
	}
	group.Wait()
	slices.Sort(took)
	elapsed := seconds(start)
	return loaded{"load", perSecond, float64(int(float64(len(took))/elapsed*10)) / 10, len(took), failed, elapsed, quantile(took, 0.50), quantile(took, 0.99)}, ctx.Err()
}

// loadObject gets a worker's object, or makes it.
func loadObject(ctx context.Context, c *cluster, index int) (*corev1.ConfigMap, error) {
	objects, name := c.kube.CoreV1().ConfigMaps(loadSpace), fmt.Sprintf("load-%02d", index)
	object, err := objects.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		fresh := &corev1.ConfigMap{ObjectMeta: meta(loadSpace, name, nil)}
		fresh.Labels[ownLabel] = "load"
		if object, err = objects.Create(ctx, fresh, create); err != nil {
			return nil, err
		}
	}
	if object.Data == nil {
		object.Data = map[string]string{}
	}
	return object, nil
}

// quantile of sorted durations, in milliseconds.
func quantile(sorted []time.Duration, part float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := min(int(part*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[at].Microseconds()) / 1000
}
