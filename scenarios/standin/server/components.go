package server

import (
	"context"
	"fmt"
	"strings"

	basecompatibility "k8s.io/component-base/compatibility"
	logsapi "k8s.io/component-base/logs/api/v1"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	controlleroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

func init() {
	// Three components configure the one logger of this process.
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged
}

// schedulerArguments: k3s's, without leader election, as on any SQLite cluster.
func (s *Server) schedulerArguments() arguments {
	kubeconfig, serving := s.paths.cred("scheduler.kubeconfig"), s.paths.pair("kube-scheduler/kube-scheduler")
	return arguments{
		"kubeconfig":                kubeconfig,
		"authorization-kubeconfig":  kubeconfig,
		"authentication-kubeconfig": kubeconfig,
		"bind-address":              "127.0.0.1",
		"secure-port":               "10259",
		"tls-cert-file":             serving.Certificate,
		"tls-private-key-file":      serving.Key,
		"profiling":                 "false",
		"leader-elect":              "false",
	}
}

// controllerArguments: k3s's for a server without a cloud controller.
func (s *Server) controllerArguments() arguments {
	kubeconfig, serving := s.paths.cred("controller.kubeconfig"), s.paths.pair("kube-controller-manager/kube-controller-manager")
	client, server := s.paths.pair("client-ca"), s.paths.pair("server-ca")
	return arguments{
		"controllers":                      "*,tokencleaner",
		"kubeconfig":                       kubeconfig,
		"authorization-kubeconfig":         kubeconfig,
		"authentication-kubeconfig":        kubeconfig,
		"service-account-private-key-file": s.paths.currentKey(),
		"allocate-node-cidrs":              "true",
		"configure-cloud-routes":           "false",
		"service-cluster-ip-range":         strings.Join(s.serviceCIDRs, ","),
		"cluster-cidr":                     strings.Join(s.clusterCIDRs, ","),
		"root-ca-file":                     server.Certificate,
		"profiling":                        "false",
		"tls-cert-file":                    serving.Certificate,
		"tls-private-key-file":             serving.Key,
		"bind-address":                     "127.0.0.1",
		"secure-port":                      "10257",
		"use-service-account-credentials":  "true",
		"leader-elect":                     "false",
		"cluster-signing-kube-apiserver-client-cert-file": client.Certificate,
		"cluster-signing-kube-apiserver-client-key-file":  client.Key,
		"cluster-signing-kubelet-client-cert-file":        client.Certificate,
		"cluster-signing-kubelet-client-key-file":         client.Key,
		"cluster-signing-kubelet-serving-cert-file":       server.Certificate,
		"cluster-signing-kubelet-serving-key-file":        server.Key,
		"cluster-signing-legacy-unknown-cert-file":        server.Certificate,
		"cluster-signing-legacy-unknown-key-file":         server.Key,
	}
}

// runScheduler schedules until the context ends.
func runScheduler(ctx context.Context, given []string) error {
	opts := scheduleroptions.NewOptions()
	if err := parse("kube-scheduler", *opts.Flags, given); err != nil {
		return err
	}
	if err := opts.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	config, built, err := scheduler.Setup(ctx, opts)
	if err != nil {
		return fmt.Errorf("setting up: %w", err)
	}
	return scheduler.Run(ctx, config, built)
}

// runControllerManager runs the controllers until the context ends.
func runControllerManager(ctx context.Context, given []string) error {
	opts, err := controlleroptions.NewKubeControllerManagerOptions()
	if err != nil {
		return err
	}
	known, disabled, aliases := controllermanager.KnownControllers(), controllermanager.ControllersDisabledByDefault(), controllermanager.ControllerAliases()
	named := opts.Flags(known, disabled, aliases)
	opts.ParsedFlags = &named
	if err := parse("kube-controller-manager", named, given); err != nil {
		return err
	}
	if err := opts.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	_ = opts.ComponentGlobalsRegistry.FeatureGateFor(basecompatibility.DefaultKubeComponent)
	config, err := opts.Config(ctx, known, disabled, aliases)
	if err != nil {
		return err
	}
	return controllermanager.Run(ctx, config.Complete())
}
