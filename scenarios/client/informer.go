package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// line is one line of output; see README.md.
type line struct {
	Event           string            `json:"event"`
	Name            string            `json:"name,omitempty"`
	ResourceVersion string            `json:"resourceVersion,omitempty"`
	Initial         bool              `json:"initialEvents,omitempty"` // of a watch: a list comes first, as a stream
	Error           string            `json:"error,omitempty"`
	Objects         map[string]string `json:"objects,omitempty"` // resourceVersion by name
}

type printer struct {
	mutex   sync.Mutex
	encoder *json.Encoder
}

func (p *printer) print(one line) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.encoder.Encode(one)
}

func (p *printer) object(event string, object any) {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	if of, ok := object.(*unstructured.Unstructured); ok {
		p.print(line{Event: event, Name: of.GetName(), ResourceVersion: of.GetResourceVersion()})
	}
}

// inform runs a shared informer as any controller has one, and says what it sees, until in ends. A line on in asks for
// what is in its cache.
func inform(ctx context.Context, arguments []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("informer", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "file with the address and the credentials")
	namespace := flags.String("namespace", "", "namespace to watch")
	resource := flags.String("resource", "configmaps", "RESOURCE, or RESOURCE.VERSION.GROUP")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *kubeconfig == "" || *namespace == "" || flags.NArg() > 0 {
		return errors.New("--kubeconfig and --namespace are needed, and nothing else but --resource")
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	say := &printer{encoder: json.NewEncoder(out)}
	informer, err := newInformer(client, resourceNamed(*resource), *namespace, say)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		informer.RunWithContext(ctx)
	}()
	go func() {
		if cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			say.print(line{Event: "synced", ResourceVersion: informer.LastSyncResourceVersion()})
		}
	}()
	for asked := bufio.NewScanner(in); asked.Scan(); {
		say.print(line{Event: "cache", ResourceVersion: informer.LastSyncResourceVersion(), Objects: content(informer)})
	}
	cancel()
	<-done
	return nil
}

func resourceNamed(name string) schema.GroupVersionResource {
	if full, _ := schema.ParseResourceArg(name); full != nil {
		return *full
	}
	return schema.GroupVersionResource{Version: "v1", Resource: name}
}

// newInformer is dynamicinformer's, with a word about each list and watch it asks for.
func newInformer(client dynamic.Interface, resource schema.GroupVersionResource, namespace string, say *printer) (cache.SharedIndexInformer, error) {
	of := client.Resource(resource).Namespace(namespace)
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := of.List(ctx, options)
			if err != nil {
				say.print(line{Event: "list_error", ResourceVersion: options.ResourceVersion, Error: err.Error()})
				return nil, err
			}
			say.print(line{Event: "list", ResourceVersion: list.GetResourceVersion()})
			return list, nil
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			initial := options.SendInitialEvents != nil && *options.SendInitialEvents
			one := line{Event: "watch", ResourceVersion: options.ResourceVersion, Initial: initial}
			stream, err := of.Watch(ctx, options)
			if err != nil {
				one.Event, one.Error = "watch_error", err.Error()
			}
			say.print(one)
			return stream, err
		},
	}
	informer := cache.NewSharedIndexInformerWithOptions(cache.ToListWatcherWithWatchListSemantics(source, client),
		&unstructured.Unstructured{}, cache.SharedIndexInformerOptions{ObjectDescription: resource.String()})
	err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		say.print(line{Event: "relist", Error: fmt.Sprint(err)})
	})
	if err != nil {
		return nil, err
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { say.object("add", object) },
		UpdateFunc: func(_, object any) { say.object("update", object) },
		DeleteFunc: func(object any) { say.object("delete", object) },
	})
	return informer, err
}

func content(informer cache.SharedIndexInformer) map[string]string {
	objects := map[string]string{}
	for _, one := range informer.GetStore().List() {
		if of, ok := one.(*unstructured.Unstructured); ok {
			objects[of.GetName()] = of.GetResourceVersion()
		}
	}
	return objects
}
