package server

import (
	"context"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	leaseInterval  = 10 * time.Second
	leaseSeconds   = int32(40)
	statusInterval = 5 * time.Minute
	leaseNamespace = "kube-node-lease"
	kubeletPort    = 10250
)

// keepNode plays the part of a kubelet that is seen in the database: it
// registers this node, renews its lease and refreshes its status. No pod ever
// runs. It returns only when the context ends or the node cannot be made.
func (s *Server) keepNode(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	node, err := s.registerNode(ctx, client)
	if err != nil {
		return err
	}
	logrus.Infof("Node %s is registered by the stand-in", s.nodeName)
	tick := time.NewTicker(leaseInterval)
	defer tick.Stop()
	for reported := time.Now(); ; {
		if err := s.renewLease(ctx, client, node); err != nil && ctx.Err() == nil {
			logrus.Warnf("Failed to renew the lease of node %s: %v", s.nodeName, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if time.Since(reported) < statusInterval {
			continue
		}
		if _, err := s.registerNode(ctx, client); err != nil && ctx.Err() == nil {
			logrus.Warnf("Failed to report the status of node %s: %v", s.nodeName, err)
		}
		reported = time.Now()
	}
}

func (s *Server) registerNode(ctx context.Context, client kubernetes.Interface) (*corev1.Node, error) {
	nodes := client.CoreV1().Nodes()
	node, err := nodes.Get(ctx, s.nodeName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		node, err = nodes.Create(ctx, s.newNode(), metav1.CreateOptions{})
	}
	if err != nil {
		return nil, err
	}
	node.Status = s.nodeStatus(node.Status)
	return nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
}

func (s *Server) newNode() *corev1.Node {
	labels := map[string]string{
		"beta.kubernetes.io/arch":               runtime.GOARCH,
		"beta.kubernetes.io/os":                 runtime.GOOS,
		"kubernetes.io/arch":                    runtime.GOARCH,
		"kubernetes.io/os":                      runtime.GOOS,
		"kubernetes.io/hostname":                s.nodeName,
		"node-role.kubernetes.io/control-plane": "true",
		"node.kubernetes.io/instance-type":      "k3s",
		"beta.kubernetes.io/instance-type":      "k3s",
	}
	for _, label := range s.nodeLabels {
		name, value, _ := strings.Cut(label, "=")
		labels[name] = value
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:   s.nodeName,
			Labels: labels,
			Annotations: map[string]string{
				"k3s.io/hostname":    s.nodeName,
				"k3s.io/internal-ip": strings.Join(s.nodeAddresses, ","),
			},
		},
		Spec: corev1.NodeSpec{ProviderID: "k3s://" + s.nodeName},
	}
}

func (s *Server) nodeStatus(old corev1.NodeStatus) corev1.NodeStatus {
	now := metav1.Now()
	status := corev1.NodeStatus{
		NodeInfo: corev1.NodeSystemInfo{
			MachineID:               "standin",
			OSImage:                 "stand-in without an operating system",
			KernelVersion:           kernelRelease(),
			ContainerRuntimeVersion: "none://0",
			KubeletVersion:          shortVersion(s.version),
			OperatingSystem:         runtime.GOOS,
			Architecture:            runtime.GOARCH,
		},
		Capacity: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("2"),
			corev1.ResourceMemory: resource.MustParse("4Gi"),
			corev1.ResourcePods:   resource.MustParse("110"),
		},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: kubeletPort}},
	}
	status.Allocatable = status.Capacity
	for _, address := range s.nodeAddresses {
		status.Addresses = append(status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: address})
	}
	status.Addresses = append(status.Addresses, corev1.NodeAddress{Type: corev1.NodeHostName, Address: s.nodeName})
	since := now
	for _, condition := range old.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			since = condition.LastTransitionTime
		}
	}
	for _, kind := range []corev1.NodeConditionType{corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		status.Conditions = append(status.Conditions, corev1.NodeCondition{
			Type: kind, Status: corev1.ConditionFalse, LastHeartbeatTime: now, LastTransitionTime: since,
			Reason: "StandIn", Message: "there is no kubelet to feel pressure",
		})
	}
	status.Conditions = append(status.Conditions, corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: now, LastTransitionTime: since,
		Reason: "KubeletReady", Message: "the stand-in says so",
	})
	return status
}

func (s *Server) renewLease(ctx context.Context, client kubernetes.Interface, node *corev1.Node) error {
	leases := client.CoordinationV1().Leases(leaseNamespace)
	holder, seconds, now := s.nodeName, leaseSeconds, metav1.NewMicroTime(time.Now())
	lease, err := leases.Get(ctx, s.nodeName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease = &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{
				Name: s.nodeName,
				OwnerReferences: []metav1.OwnerReference{{
					APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID,
				}},
			},
			Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &now},
		}
		_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec.RenewTime = &now
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

// shortVersion drops what stands in brackets behind the version.
func shortVersion(version string) string {
	short, _, _ := strings.Cut(version, " ")
	return short
}

func kernelRelease() string {
	content, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(content))
}
