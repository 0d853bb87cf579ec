package workload

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

const (
	nodeLeases  = "kube-node-lease"
	systemSpace = "kube-system"
	leaseLength = int32(40)
)

// shared makes nodes, leases, schemas and the storage class.
func (f *filler) shared(ctx context.Context, seed uint64) error {
	if err := f.makeNamespace(ctx, nodeLeases); err != nil {
		return err
	}
	for index := range nodeCount {
		if err := f.makeNode(ctx, index); err != nil {
			return err
		}
	}
	for _, key := range leaseKeys() {
		if _, err := ensureLease(ctx, f.cluster, key); err != nil {
			return err
		}
		f.objects.Add(1)
		f.writes.Add(1)
	}
	class := &storagev1.StorageClass{ObjectMeta: meta("", "local-path", nil), Provisioner: "rancher.io/local-path"}
	_, err := f.kube.StorageV1().StorageClasses().Create(ctx, class, create)
	if err := f.made(err); err != nil {
		return err
	}
	return f.makeSchemas(ctx, newContent(seed, -1))
}

func (f *filler) makeNamespace(ctx context.Context, name string) error {
	_, err := f.kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: meta("", name, nil)}, create)
	return f.made(err)
}

func nodeName(index int) string { return fmt.Sprintf("node-%c", 'a'+index) }

func (f *filler) makeNode(ctx context.Context, index int) error {
	name := nodeName(index)
	labels := map[string]string{
		"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": name,
		"node.kubernetes.io/instance-type": "k3s",
	}
	if index == 0 {
		labels["node-role.kubernetes.io/control-plane"] = "true"
	}
	node := &corev1.Node{ObjectMeta: meta("", name, labels), Spec: corev1.NodeSpec{
		PodCIDR: fmt.Sprintf("10.42.%d.0/24", index), PodCIDRs: []string{fmt.Sprintf("10.42.%d.0/24", index)},
		ProviderID: "k3s://" + name,
	}}
	node.Annotations = map[string]string{"k3s.io/hostname": name}
	_, err := f.kube.CoreV1().Nodes().Create(ctx, node, create)
	if err := f.made(err); err != nil {
		return err
	}
	f.writes.Add(1)
	return reportNode(ctx, f.cluster, index, time.Now())
}

// reportNode writes the status that a node's kubelet would write at that time.
func reportNode(ctx context.Context, c *cluster, index int, at time.Time) error {
	nodes, name := c.kube.CoreV1().Nodes(), nodeName(index)
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		node, err := nodes.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		node.Status = nodeStatus(name, index, c.release, at)
		_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
		return err
	})
}

func nodeStatus(name string, index int, release string, at time.Time) corev1.NodeStatus {
	when := metav1.NewTime(at)
	status := corev1.NodeStatus{
		NodeInfo: corev1.NodeSystemInfo{
			OSImage: "Debian GNU/Linux 12 (bookworm)", KernelVersion: "6.1.0-18-amd64", Architecture: "amd64", OperatingSystem: "linux",
			ContainerRuntimeVersion: "containerd://2.1.4-k3s1", KubeletVersion: release,
			MachineID: fmt.Sprintf("%032x", index+1), SystemUUID: fmt.Sprintf("%032x", index+11), BootID: fmt.Sprintf("%032x", index+21),
		},
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("192.0.2.%d", index+10)},
			{Type: corev1.NodeHostName, Address: name},
		},
		Capacity: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourceMemory: resource.MustParse("32Gi"), corev1.ResourcePods: resource.MustParse("1000"),
		},
	}
	status.Allocatable = status.Capacity
	for number := range 40 {
		image := fmt.Sprintf("registry.example/team/app-%02d", number)
		status.Images = append(status.Images, corev1.ContainerImage{
			Names: []string{fmt.Sprintf("%s@sha256:%064x", image, number), image + ":1.0"}, SizeBytes: int64(number+1) * 10_000_000,
		})
	}
	status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status",
		LastHeartbeatTime: when, LastTransitionTime: when,
	}}
	return status
}

// leaseKey names one lease that something renews every ten seconds.
type leaseKey struct{ namespace, name string }

func leaseKeys() []leaseKey {
	var keys []leaseKey
	for index := range nodeCount {
		keys = append(keys, leaseKey{nodeLeases, nodeName(index)})
	}
	for index := range componentCount {
		keys = append(keys, leaseKey{systemSpace, fmt.Sprintf("component-%02d", index)})
	}
	return keys
}

// ensureLease gets a lease, or makes it.
func ensureLease(ctx context.Context, c *cluster, key leaseKey) (*coordinationv1.Lease, error) {
	leases := c.kube.CoordinationV1().Leases(key.namespace)
	if lease, err := leases.Get(ctx, key.name, metav1.GetOptions{}); err == nil {
		return lease, nil
	}
	holder, length, now := key.name, leaseLength, metav1.NewMicroTime(time.Now())
	return leases.Create(ctx, &coordinationv1.Lease{
		ObjectMeta: meta(key.namespace, key.name, nil),
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &length, RenewTime: &now},
	}, create)
}
