package workload

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const hashLabel = "pod-template-hash"

// makeDeployment makes a deployment, its present and its former replica set,
// and the pods of the present one, bound to nodes and running: the state that
// the controllers would have brought about, so that they leave it alone.
func (f *filler) makeDeployment(ctx context.Context, namespace string, index int, c content) error {
	name, replicas := appName(index), int32(podsPer)
	selector := map[string]string{"app": name}
	template := podTemplate(name, "1.1", c)
	deployment := &appsv1.Deployment{
		ObjectMeta: meta(namespace, name, selector),
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: selector}, Template: template,
		},
	}
	deployment.Annotations = map[string]string{"deployment.kubernetes.io/revision": "2"}
	made, err := f.kube.AppsV1().Deployments(namespace).Create(ctx, deployment, create)
	if err != nil {
		// Replica sets and pods need the owner's uid; one that was there has had its own.
		return f.made(err)
	}
	if err := f.made(nil); err != nil {
		return err
	}
	owner := ownerOf("Deployment", name, made.UID)
	if _, err := f.makeReplicaSet(ctx, namespace, name, 0, "1", podTemplate(name, "1.0", c), owner, c); err != nil {
		return err
	}
	current, err := f.makeReplicaSet(ctx, namespace, name, replicas, "2", made.Spec.Template, owner, c)
	if err != nil {
		return err
	}
	for range podsPer {
		if err := f.makePod(ctx, current, c); err != nil {
			return err
		}
	}
	made.Status = appsv1.DeploymentStatus{
		ObservedGeneration: made.Generation, Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: replicas, AvailableReplicas: replicas,
	}
	f.writes.Add(1)
	// With controllers on, theirs may come first; then theirs is the right one.
	_, err = f.kube.AppsV1().Deployments(namespace).UpdateStatus(ctx, made, metav1.UpdateOptions{})
	return stale(err)
}

func (f *filler) makeReplicaSet(ctx context.Context, namespace, app string, replicas int32, revision string,
	template corev1.PodTemplateSpec, owner metav1.OwnerReference, c content) (*appsv1.ReplicaSet, error) {
	hash := c.suffix(10)
	labels := map[string]string{"app": app, hashLabel: hash}
	template = *template.DeepCopy()
	template.Labels = labels
	set := &appsv1.ReplicaSet{
		ObjectMeta: meta(namespace, app+"-"+hash, labels),
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template,
		},
	}
	set.OwnerReferences = []metav1.OwnerReference{owner}
	set.Annotations = map[string]string{
		"deployment.kubernetes.io/revision":         revision,
		"deployment.kubernetes.io/desired-replicas": fmt.Sprint(podsPer),
		"deployment.kubernetes.io/max-replicas":     fmt.Sprint(podsPer + 1),
	}
	made, err := f.kube.AppsV1().ReplicaSets(namespace).Create(ctx, set, create)
	return made, f.made(err)
}

func (f *filler) makePod(ctx context.Context, set *appsv1.ReplicaSet, c content) error {
	node := nodeName(c.random.IntN(nodeCount))
	pod := &corev1.Pod{
		ObjectMeta: meta(set.Namespace, set.Name+"-"+c.suffix(5), set.Spec.Template.Labels),
		Spec:       *set.Spec.Template.Spec.DeepCopy(),
	}
	pod.OwnerReferences = []metav1.OwnerReference{ownerOf("ReplicaSet", set.Name, set.UID)}
	pod.Spec.NodeName = node
	made, err := f.kube.CoreV1().Pods(set.Namespace).Create(ctx, pod, create)
	if err := f.made(err); err != nil || made == nil || made.UID == "" {
		return err
	}
	started, now := true, metav1.NewTime(time.Now())
	made.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &now, HostIP: "192.0.2.10", PodIP: fmt.Sprintf("10.42.%d.%d", c.random.IntN(nodeCount), 2+c.random.IntN(250)),
		Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: now},
			{Type: corev1.ContainersReady, Status: corev1.ConditionTrue, LastTransitionTime: now},
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: now},
		},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", Ready: true, Started: &started, Image: made.Spec.Containers[0].Image,
			ImageID:     fmt.Sprintf("registry.example/team/app@sha256:%064x", c.random.Uint64()),
			ContainerID: fmt.Sprintf("containerd://%064x", c.random.Uint64()),
			State:       corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		}},
	}
	f.writes.Add(1)
	_, err = f.kube.CoreV1().Pods(set.Namespace).UpdateStatus(ctx, made, metav1.UpdateOptions{})
	return stale(err)
}

func podTemplate(app, version string, c content) corev1.PodTemplateSpec {
	limits := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")}
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{
			ServiceAccountName: "default",
			Containers: []corev1.Container{{
				Name: "app", Image: fmt.Sprintf("registry.example/team/%s:%s", app, version),
				Ports:     []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
				Env:       []corev1.EnvVar{{Name: "MODE", Value: "production"}, {Name: "INSTANCE", Value: c.suffix(8)}},
				Resources: corev1.ResourceRequirements{Requests: limits, Limits: limits},
				EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{
					LocalObjectReference: corev1.LocalObjectReference{Name: fmt.Sprintf("config-%d", c.random.IntN(configMaps))},
				}}},
			}},
		},
	}
}
