package workload

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// makeAccess makes the accounts, roles and bindings. The default account must
// be there before any pod: with no controllers nobody else makes it.
func (f *filler) makeAccess(ctx context.Context, namespace string, _ int, _ content) error {
	for _, name := range []string{"default", "deployer", "reader"} {
		account := &corev1.ServiceAccount{ObjectMeta: meta(namespace, name, nil)}
		_, err := f.kube.CoreV1().ServiceAccounts(namespace).Create(ctx, account, create)
		if err := f.made(err); err != nil {
			return err
		}
	}
	for _, name := range []string{"deployer", "reader"} {
		role := &rbacv1.Role{ObjectMeta: meta(namespace, name, nil), Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"pods", "configmaps", "services"}, Verbs: []string{"get", "list", "watch"}},
			{APIGroups: []string{"apps"}, Resources: []string{"deployments", "replicasets"}, Verbs: []string{"get", "list", "patch"}},
		}}
		_, err := f.kube.RbacV1().Roles(namespace).Create(ctx, role, create)
		if err := f.made(err); err != nil {
			return err
		}
		binding := &rbacv1.RoleBinding{
			ObjectMeta: meta(namespace, name, nil),
			Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: name, Namespace: namespace}},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		}
		_, err = f.kube.RbacV1().RoleBindings(namespace).Create(ctx, binding, create)
		if err := f.made(err); err != nil {
			return err
		}
	}
	return nil
}

func (f *filler) makeConfigMap(ctx context.Context, namespace string, index int, c content) error {
	object := &corev1.ConfigMap{
		ObjectMeta: meta(namespace, fmt.Sprintf("config-%d", index), nil),
		Data:       map[string]string{"application.properties": c.settings(400 + 60*index)},
	}
	_, err := f.kube.CoreV1().ConfigMaps(namespace).Create(ctx, object, create)
	return f.made(err)
}

func (f *filler) makeSecret(ctx context.Context, namespace string, index int, c content) error {
	object := &corev1.Secret{
		ObjectMeta: meta(namespace, fmt.Sprintf("secret-%d", index), nil),
		Type:       corev1.SecretTypeOpaque,
		Data:       map[string][]byte{"username": []byte("team"), "password": c.blob(32), "certificate": c.blob(900)},
	}
	_, err := f.kube.CoreV1().Secrets(namespace).Create(ctx, object, create)
	return f.made(err)
}

// makeRelease makes a secret like those helm keeps its releases in.
func (f *filler) makeRelease(ctx context.Context, namespace string, index int, c content) error {
	chart, revision := fmt.Sprintf("chart-%d", index/2), index%2+1
	status := "deployed"
	if revision == 1 {
		status = "superseded"
	}
	object := &corev1.Secret{
		ObjectMeta: meta(namespace, fmt.Sprintf("sh.helm.release.v1.%s.v%d", chart, revision), map[string]string{
			"name": chart, "owner": "helm", "status": status, "version": fmt.Sprint(revision),
		}),
		Type: "helm.sh/release.v1",
		Data: map[string][]byte{"release": c.blob(releaseBytes + c.random.IntN(releaseBytes/2))},
	}
	_, err := f.kube.CoreV1().Secrets(namespace).Create(ctx, object, create)
	return f.made(err)
}

func (f *filler) makeService(ctx context.Context, namespace string, index int, _ content) error {
	name := appName(index)
	object := &corev1.Service{
		ObjectMeta: meta(namespace, name, map[string]string{"app": name}),
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": name},
			Ports:    []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080)}},
		},
	}
	_, err := f.kube.CoreV1().Services(namespace).Create(ctx, object, create)
	return f.made(err)
}

// makeVolume makes a volume and the claim it is bound to.
func (f *filler) makeVolume(ctx context.Context, namespace string, index int, c content) error {
	claim, class := fmt.Sprintf("data-%d", index), "local-path"
	volume := fmt.Sprintf("pvc-%s-%s", namespace, c.suffix(8))
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("5Gi")}
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	_, err := f.kube.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
		ObjectMeta: meta("", volume, nil),
		Spec: corev1.PersistentVolumeSpec{
			Capacity: size, AccessModes: modes, StorageClassName: class,
			ClaimRef:                      &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: namespace, Name: claim},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/opt/volumes/" + volume}},
		},
	}, create)
	if err := f.made(err); err != nil {
		return err
	}
	_, err = f.kube.CoreV1().PersistentVolumeClaims(namespace).Create(ctx, &corev1.PersistentVolumeClaim{
		ObjectMeta: meta(namespace, claim, nil),
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: modes, StorageClassName: &class, VolumeName: volume,
			Resources: corev1.VolumeResourceRequirements{Requests: size},
		},
	}, create)
	return f.made(err)
}

func (f *filler) makePolicies(ctx context.Context, namespace string, _ int, _ content) error {
	one := intstr.FromInt32(1)
	_, err := f.kube.PolicyV1().PodDisruptionBudgets(namespace).Create(ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: meta(namespace, appName(0), nil),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: &one, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": appName(0)}},
		},
	}, create)
	if err := f.made(err); err != nil {
		return err
	}
	_, err = f.kube.NetworkingV1().NetworkPolicies(namespace).Create(ctx, &networkingv1.NetworkPolicy{
		ObjectMeta: meta(namespace, "default-deny", nil),
		Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
	}, create)
	if err := f.made(err); err != nil {
		return err
	}
	_, err = f.kube.CoreV1().LimitRanges(namespace).Create(ctx, &corev1.LimitRange{
		ObjectMeta: meta(namespace, "limits", nil),
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypeContainer, Default: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
		}}},
	}, create)
	return f.made(err)
}

func (f *filler) makeEvent(ctx context.Context, namespace string, _ int, c content) error {
	_, err := f.kube.CoreV1().Events(namespace).Create(ctx, newEvent(namespace, c, time.Now()), create)
	return f.made(err)
}

func newEvent(namespace string, c content, at time.Time) *corev1.Event {
	when, app := metav1.NewTime(at), appName(c.random.IntN(deployments))
	pod := fmt.Sprintf("%s-%s", app, c.suffix(5))
	return &corev1.Event{
		ObjectMeta:     meta(namespace, fmt.Sprintf("%s.%016x", pod, c.random.Uint64()), nil),
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: namespace, Name: pod},
		Reason:         c.pick("Pulled", "Created", "Started", "Scheduled", "BackOff"),
		Message:        fmt.Sprintf("Container image \"registry.example/team/%s:1.0\" already present on machine", app),
		Source:         corev1.EventSource{Component: "kubelet", Host: nodeName(c.random.IntN(nodeCount))},
		FirstTimestamp: when, LastTimestamp: when, Count: 1, Type: corev1.EventTypeNormal,
	}
}

// makeAndDelete leaves a tombstone, as a lived-in database has them.
func (f *filler) makeAndDelete(ctx context.Context, namespace string, index int, c content) error {
	name := fmt.Sprintf("discarded-%d", index)
	object := &corev1.ConfigMap{ObjectMeta: meta(namespace, name, nil), Data: map[string]string{"value": c.suffix(12)}}
	configMaps := f.kube.CoreV1().ConfigMaps(namespace)
	f.writes.Add(2)
	if _, err := configMaps.Create(ctx, object, create); exists(err) != nil {
		return err
	}
	return configMaps.Delete(ctx, name, metav1.DeleteOptions{})
}

func appName(index int) string { return fmt.Sprintf("app-%02d", index) }
