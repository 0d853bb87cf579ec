// Package workload fills a cluster through its API so that it looks lived-in,
// replays hours of what a quiet cluster writes, and makes a steady load of
// writes. It makes pods and replica sets itself, so it needs no controllers;
// with controllers on it makes only what they would accept. It never deletes
// what it did not make.
package workload

import (
	"context"
	"fmt"
	"sync"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const protobuf = "application/vnd.kubernetes.protobuf"

// cluster is the clients of one kubeconfig, without client-side rate limits.
type cluster struct {
	kube    kubernetes.Interface
	custom  dynamic.Interface
	schemas apiextensions.Interface
	// release is the k3s version that made nodes show.
	release string
}

func connect(kubeconfig, release string) (*cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.UserAgent = "k3s-standin-workload"
	config.WarningHandler = rest.NoWarnings{}
	builtIn := rest.CopyConfig(config)
	builtIn.ContentType = protobuf
	c := &cluster{release: release}
	if c.kube, err = kubernetes.NewForConfig(builtIn); err != nil {
		return nil, err
	}
	if c.custom, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	c.schemas, err = apiextensions.NewForConfig(config)
	return c, err
}

// exists turns the error of a create into nil if the object was there already.
func exists(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// inParallel runs the tasks 0 to count-1 on a few workers, and stops handing
// out tasks at the first error, which it returns.
func inParallel(ctx context.Context, workers, count int, task func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan int)
	var group sync.WaitGroup
	for range min(workers, count) {
		group.Go(func() {
			for index := range queue {
				if err := task(ctx, index); err != nil {
					cancel(fmt.Errorf("task %d: %w", index, err))
					return
				}
			}
		})
	}
	for index := 0; index < count && ctx.Err() == nil; index++ {
		select {
		case queue <- index:
		case <-ctx.Done():
		}
	}
	close(queue)
	group.Wait()
	return context.Cause(ctx)
}
