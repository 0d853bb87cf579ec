package server

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

// Lists of k3s's own kinds are refused for some seconds after /readyz is ok;
// one is enough to teach whoever asks.
const (
	ownKindsWait    = time.Second
	establishWithin = 30 * time.Second
)

//go:embed own_kinds.yaml
var ownKinds []byte

// addons are the manifests that k3s deploys whatever is disabled.
var addons = []string{"rolebindings", "runtimes"}

// makeOwnKinds defines k3s's own custom resources where they are missing, and
// has an Addon for each manifest that k3s deploys.
func makeOwnKinds(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	schemas, err := apiextensions.NewForConfig(config)
	if err != nil {
		return err
	}
	custom, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	for _, document := range bytes.Split(ownKinds, []byte("\n---\n")) {
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(document, definition); err != nil {
			return err
		}
		definitions := schemas.ApiextensionsV1().CustomResourceDefinitions()
		_, err := definitions.Get(ctx, definition.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = definitions.Create(ctx, definition, metav1.CreateOptions{})
		}
		if err != nil {
			return fmt.Errorf("defining %s: %w", definition.Name, err)
		}
	}
	for _, name := range addons {
		if err := makeAddon(ctx, custom, name); err != nil {
			return fmt.Errorf("making the addon %s: %w", name, err)
		}
	}
	return nil
}

// makeAddon waits until its definition is served.
func makeAddon(ctx context.Context, custom dynamic.Interface, name string) error {
	resource := schema.GroupVersionResource{Group: "k3s.cattle.io", Version: "v1", Resource: "addons"}
	client := custom.Resource(resource).Namespace(metav1.NamespaceSystem)
	addon := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "k3s.cattle.io/v1",
		"kind":       "Addon",
		"metadata":   map[string]any{"name": name, "namespace": metav1.NamespaceSystem},
		"spec": map[string]any{
			"source":   "/var/lib/rancher/k3s/server/manifests/" + name + ".yaml",
			"checksum": fmt.Sprintf("%064x", len(name)),
		},
	}}
	return wait.PollUntilContextTimeout(ctx, readyPoll, establishWithin, true, func(ctx context.Context) (bool, error) {
		_, err := client.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = client.Create(ctx, addon, metav1.CreateOptions{})
		}
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
}

// delayOwnKinds answers for k3s's own kinds as kube-apiserver does while the
// storage of a custom resource is being made, which no /readyz waits for.
//
// Source: kubernetes/kubernetes staging/src/k8s.io/apiserver/pkg/storage/cacher, v1.37 (facts): cacher.go, delegator.go.
func (s *Server) delayOwnKinds(api http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		info, known := apirequest.RequestInfoFrom(request.Context())
		if !known || s.ownKindsServed.Load() || !strings.HasSuffix(info.APIGroup, ".cattle.io") || !needsCache(info, request) {
			api.ServeHTTP(response, request)
			return
		}
		refusal := apierrors.NewTooManyRequests("storage is (re)initializing", 1)
		version := schema.GroupVersion{Group: info.APIGroup, Version: info.APIVersion}
		responsewriters.ErrorNegotiated(refusal, apiextensionsserver.Codecs, version, response, request)
	})
}

// needsCache tells what is not answered from the database where there is no cache yet.
func needsCache(info *apirequest.RequestInfo, request *http.Request) bool {
	asked := request.URL.Query()
	selects := asked.Get("labelSelector") != "" || asked.Get("fieldSelector") != ""
	return info.Verb == "watch" || (info.Verb == "list" && (selects || asked.Get("limit") == ""))
}
