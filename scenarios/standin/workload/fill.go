package workload

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Per namespace. With the service addresses that the API server adds, about
// 275 objects; 40 namespaces make about 11,000 objects and 36 MB.
const (
	fillWorkers    = 4
	deployments    = 10
	podsPer        = 3
	configMaps     = 32
	opaqueSecrets  = 20
	releases       = 8
	releaseBytes   = 18_000
	services       = 8
	routes         = 8
	fillEvents     = 108
	volumes        = 2
	discarded      = 3
	nodeCount      = 3
	componentCount = 10
	ownLabel       = "workload.standin/part"
)

// filled is the report of a fill.
type filled struct {
	Step       string  `json:"step"`
	Namespaces int     `json:"namespaces"`
	Objects    int64   `json:"objects"`
	Writes     int64   `json:"writes"`
	Seconds    float64 `json:"seconds"`
}

// filler makes the objects of one fill and counts them.
type filler struct {
	*cluster
	objects, writes atomic.Int64
}

// fill makes what the cluster shares, then the namespaces side by side.
func fill(ctx context.Context, c *cluster, namespaces, workers int, seed uint64) (any, error) {
	f, start := &filler{cluster: c}, time.Now()
	if err := f.shared(ctx, seed); err != nil {
		return nil, fmt.Errorf("filling what the cluster shares: %w", err)
	}
	err := inParallel(ctx, workers, namespaces, func(ctx context.Context, index int) error {
		name := namespaceName(index)
		if err := f.namespace(ctx, name, newContent(seed, index)); err != nil {
			return fmt.Errorf("filling namespace %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return filled{"fill", namespaces, f.objects.Load(), f.writes.Load(), seconds(start)}, nil
}

func namespaceName(index int) string { return fmt.Sprintf("team-%03d", index) }

// made counts one create; an object that was there already is fine.
func (f *filler) made(err error) error {
	f.writes.Add(1)
	if err == nil {
		f.objects.Add(1)
	}
	return exists(err)
}

// namespace runs the parts of a namespace in order, each as often as it says.
func (f *filler) namespace(ctx context.Context, name string, c content) error {
	if err := f.makeNamespace(ctx, name); err != nil {
		return err
	}
	for _, part := range []struct {
		count int
		make  func(context.Context, string, int, content) error
	}{
		{1, f.makeAccess},
		{configMaps, f.makeConfigMap},
		{opaqueSecrets, f.makeSecret},
		{releases, f.makeRelease},
		{services, f.makeService},
		{deployments, f.makeDeployment},
		{routes, f.makeRoute},
		{volumes, f.makeVolume},
		{1, f.makePolicies},
		{fillEvents, f.makeEvent},
		{discarded, f.makeAndDelete},
	} {
		for index := range part.count {
			if err := part.make(ctx, name, index, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func meta(namespace, name string, labels map[string]string) metav1.ObjectMeta {
	all := map[string]string{ownLabel: "fill"}
	for key, value := range labels {
		all[key] = value
	}
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: all}
}

var create = metav1.CreateOptions{}
