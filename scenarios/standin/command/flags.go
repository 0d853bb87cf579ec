// Package command is the command line of the stand-in: k3s's own server flags
// in one table, k3s's config file, and the precedence between them (command
// line, config file, environment, default). It decides nothing; the server
// package takes the Settings.
//
// Source: k3s-io/k3s pkg/cli/cmds/server.go about v1.30 to v1.36, pkg/configfilearg.
package command

type kind int

const (
	text kind = iota
	list      // repeated or comma separated
	args      // repeated, each value kept whole
	number
	truth
)

// effect tells how honest a flag is here.
type effect int

const (
	used    effect = iota // does what it does in k3s
	inert                 // accepted, and nothing here depends on it
	refused               // k3s has it; the stand-in cannot do it and says so
)

type flag struct {
	name    string
	short   string
	kind    kind
	value   string // default
	env     string
	effect  effect
	meaning string
}

// flags is every flag of `server`. A name that is not here is refused.
var flags = []flag{
	{"config", "c", text, "/etc/rancher/k3s/config.yaml", "K3S_CONFIG_FILE", used, "k3s config file; keys are flag names"},
	{"data-dir", "d", text, "", "K3S_DATA_DIR", used, "folder to hold state (default /var/lib/rancher/k3s, or ${HOME}/.rancher/k3s if not root)"},
	{"token", "t", text, "", "K3S_TOKEN", used, "shared secret that seals the bootstrap data"},
	{"token-file", "", text, "", "K3S_TOKEN_FILE", used, "file containing the token"},
	{"agent-token", "", text, "", "K3S_AGENT_TOKEN", used, "shared secret for agents only"},
	{"agent-token-file", "", text, "", "K3S_AGENT_TOKEN_FILE", used, "file containing the agent secret"},
	{"bind-address", "", text, "", "", used, "address to listen on (default 0.0.0.0)"},
	{"https-listen-port", "", number, "6443", "", used, "port of the Kubernetes API"},
	{"advertise-address", "", text, "", "", used, "address the API server advertises (default node-ip)"},
	{"advertise-port", "", number, "0", "", inert, "port the API server advertises; here always https-listen-port"},
	{"tls-san", "", list, "", "", used, "additional names or addresses in the serving certificate"},
	{"write-kubeconfig", "o", text, "", "K3S_KUBECONFIG_OUTPUT", used, "where the admin kubeconfig goes"},
	{"write-kubeconfig-mode", "", text, "", "K3S_KUBECONFIG_MODE", used, "its mode, octal (default 0600)"},
	{"write-kubeconfig-group", "", text, "", "K3S_KUBECONFIG_GROUP", inert, "its group"},
	{"node-name", "", text, "", "K3S_NODE_NAME", used, "node name (default hostname)"},
	{"node-ip", "i", list, "", "", used, "address of the node; also the advertise address"},
	{"node-external-ip", "", list, "", "", used, "external address; advertised before node-ip"},
	{"node-label", "", args, "", "", used, "labels of the node object"},
	{"node-taint", "", args, "", "", inert, "taints of the node"},
	{"cluster-cidr", "", list, "10.42.0.0/16", "", used, "network of the pods"},
	{"service-cidr", "", list, "10.43.0.0/16", "", used, "network of the services"},
	{"service-node-port-range", "", text, "30000-32767", "", used, "ports for services of type NodePort"},
	{"cluster-dns", "", list, "", "", inert, "address of coredns"},
	{"cluster-domain", "", text, "cluster.local", "", used, "cluster domain, part of the token issuer"},
	{"disable", "", list, "", "", inert, "packaged components to leave out; the stand-in has none"},
	{"disable-agent", "", truth, "false", "", used, "no Node object; also lifts the demand to be root"},
	{"disable-scheduler", "", truth, "false", "", used, "no kube-scheduler"},
	{"disable-controller-manager", "", truth, "false", "", used, "no kube-controller-manager"},
	{"disable-cloud-controller", "", truth, "false", "", inert, "the stand-in has no cloud controller"},
	{"disable-helm-controller", "", truth, "false", "", inert, "the stand-in has no helm controller"},
	{"disable-network-policy", "", truth, "false", "", inert, "the stand-in has no network policy controller"},
	{"disable-kube-proxy", "", truth, "false", "", inert, "the stand-in has no kube-proxy"},
	{"disable-apiserver", "", truth, "false", "", refused, "no kube-apiserver"},
	{"disable-etcd", "", truth, "false", "", refused, "no etcd"},
	{"flannel-backend", "", text, "vxlan", "", inert, "the stand-in has no network"},
	{"flannel-iface", "", text, "", "", inert, "the stand-in has no network"},
	{"egress-selector-mode", "", text, "agent", "", used, "checked as k3s checks it; there is no tunnel"},
	{"secrets-encryption", "", truth, "false", "", used, "encrypt secrets at rest"},
	{"secrets-encryption-provider", "", text, "aescbc", "", used, "aescbc or secretbox"},
	{"kube-apiserver-arg", "", args, "", "", used, "flag for kube-apiserver, name=value"},
	{"kube-controller-manager-arg", "", args, "", "", used, "flag for kube-controller-manager, name=value"},
	{"kube-scheduler-arg", "", args, "", "", used, "flag for kube-scheduler, name=value"},
	{"kube-cloud-controller-manager-arg", "", args, "", "", inert, "the stand-in has no cloud controller"},
	{"kubelet-arg", "", args, "", "", inert, "the stand-in has no kubelet"},
	{"kube-proxy-arg", "", args, "", "", inert, "the stand-in has no kube-proxy"},
	{"etcd-arg", "", args, "", "", inert, "the stand-in has no etcd"},
	{"etcd-disable-snapshots", "", truth, "false", "", inert, "the stand-in has no etcd"},
	{"default-local-storage-path", "", text, "", "", inert, "the stand-in has no local storage"},
	{"system-default-registry", "", text, "", "K3S_SYSTEM_DEFAULT_REGISTRY", inert, "the stand-in pulls no images"},
	{"selinux", "", truth, "false", "K3S_SELINUX", inert, "the stand-in has no containerd"},
	{"snapshotter", "", text, "", "", inert, "the stand-in has no containerd"},
	{"private-registry", "", text, "", "", inert, "the stand-in has no containerd"},
	{"prefer-bundled-bin", "", truth, "false", "", inert, "the stand-in has no bundled binaries"},
	{"kine-tls", "", truth, "false", "", refused, "TLS on kine's socket"},
	{"datastore-endpoint", "", text, "", "K3S_DATASTORE_ENDPOINT", used, "sqlite:// only"},
	{"server", "s", text, "", "K3S_URL", refused, "server to join"},
	{"cluster-init", "", truth, "false", "K3S_CLUSTER_INIT", refused, "embedded etcd"},
	{"cluster-reset", "", truth, "false", "K3S_CLUSTER_RESET", refused, "embedded etcd"},
	{"rootless", "", truth, "false", "", refused, "rootless k3s; use --disable-agent"},
	{"debug", "", truth, "false", "K3S_DEBUG", used, "debug logs"},
	{"v", "v", number, "0", "", used, "klog verbosity"},
	{"vmodule", "", text, "", "", inert, "klog verbosity by file"},
	{"log", "l", text, "", "", inert, "log file"},
	{"alsologtostderr", "", truth, "false", "", inert, "log to standard error as well"},
}
