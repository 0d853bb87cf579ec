package workload

import (
	"context"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	establishPoll   = 20 * time.Millisecond
	establishWithin = 30 * time.Second
	chartCount      = 6
)

// schemas are custom resources like those that somebody brings to a k3s cluster.
var schemas = []struct {
	group, version, kind, singular, plural string
}{
	{"traefik.io", "v1alpha1", "IngressRoute", "ingressroute", "ingressroutes"},
	{"traefik.io", "v1alpha1", "Middleware", "middleware", "middlewares"},
}

// ownKinds are some that the server itself defines, a moment after it is ready.
var ownKinds = []schema.GroupVersionResource{
	{Group: "helm.cattle.io", Version: "v1", Resource: "helmcharts"},
	{Group: "k3s.cattle.io", Version: "v1", Resource: "addons"},
}

// makeSchemas makes the definitions, waits until they are served, and makes
// what lives in kube-system.
func (f *filler) makeSchemas(ctx context.Context, c content) error {
	for _, s := range schemas {
		yes := true
		definition := &apiextensionsv1.CustomResourceDefinition{
			ObjectMeta: meta("", s.plural+"."+s.group, nil),
			Spec: apiextensionsv1.CustomResourceDefinitionSpec{
				Group: s.group, Scope: apiextensionsv1.NamespaceScoped,
				Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: s.kind, ListKind: s.kind + "List", Singular: s.singular, Plural: s.plural},
				Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
					Name: s.version, Served: true, Storage: true,
					Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
						Type: "object", XPreserveUnknownFields: &yes,
					}},
				}},
			},
		}
		_, err := f.schemas.ApiextensionsV1().CustomResourceDefinitions().Create(ctx, definition, create)
		if err := f.made(err); err != nil {
			return err
		}
	}
	awaited := ownKinds
	for _, s := range schemas {
		awaited = append(awaited, schema.GroupVersionResource{Group: s.group, Version: s.version, Resource: s.plural})
	}
	for _, resource := range awaited {
		if err := f.awaitSchema(ctx, resource); err != nil {
			return fmt.Errorf("waiting for %s: %w", resource.GroupResource(), err)
		}
	}
	for index := range chartCount {
		name := fmt.Sprintf("chart-%d", index)
		chart := custom("helm.cattle.io/v1", "HelmChart", systemSpace, name, map[string]any{
			"chart": "https://charts.example/" + name + ".tgz", "targetNamespace": systemSpace, "valuesContent": c.settings(300),
		})
		if err := f.makeCustom(ctx, "helm.cattle.io", "v1", "helmcharts", chart); err != nil {
			return err
		}
		addon := custom("k3s.cattle.io/v1", "Addon", systemSpace, name, map[string]any{
			"source": "/var/lib/rancher/k3s/server/manifests/" + name + ".yaml", "checksum": fmt.Sprintf("%064x", c.random.Uint64()),
		})
		if err := f.makeCustom(ctx, "k3s.cattle.io", "v1", "addons", addon); err != nil {
			return err
		}
	}
	return nil
}

// awaitSchema waits until a list of the resource is answered.
func (f *filler) awaitSchema(ctx context.Context, resource schema.GroupVersionResource) error {
	return wait.PollUntilContextTimeout(ctx, establishPoll, establishWithin, true, func(ctx context.Context) (bool, error) {
		_, err := f.custom.Resource(resource).List(ctx, metav1.ListOptions{Limit: 1})
		if apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) {
			return false, nil
		}
		return err == nil, err
	})
}

func (f *filler) makeRoute(ctx context.Context, namespace string, index int, c content) error {
	app := appName(index)
	route := custom("traefik.io/v1alpha1", "IngressRoute", namespace, app, map[string]any{
		"entryPoints": []any{"websecure"},
		"routes": []any{map[string]any{
			"kind": "Rule", "match": fmt.Sprintf("Host(`%s.%s.example`)", app, namespace),
			"services": []any{map[string]any{"name": app, "port": int64(80)}},
		}},
		"tls": map[string]any{"secretName": fmt.Sprintf("secret-%d", c.random.IntN(opaqueSecrets))},
	})
	if err := f.makeCustom(ctx, "traefik.io", "v1alpha1", "ingressroutes", route); err != nil || index%4 != 0 {
		return err
	}
	middleware := custom("traefik.io/v1alpha1", "Middleware", namespace, app, map[string]any{
		"headers": map[string]any{"customRequestHeaders": map[string]any{"X-Team": namespace}},
	})
	return f.makeCustom(ctx, "traefik.io", "v1alpha1", "middlewares", middleware)
}

func (f *filler) makeCustom(ctx context.Context, group, version, plural string, object *unstructured.Unstructured) error {
	resource := schema.GroupVersionResource{Group: group, Version: version, Resource: plural}
	_, err := f.cluster.custom.Resource(resource).Namespace(object.GetNamespace()).Create(ctx, object, create)
	return f.made(err)
}

func custom(apiVersion, kind, namespace, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion,
		"kind":       kind,
		"metadata":   map[string]any{"name": name, "namespace": namespace, "labels": map[string]any{ownLabel: "fill"}},
		"spec":       spec,
	}}
}
