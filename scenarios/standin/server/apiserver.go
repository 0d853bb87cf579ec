package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	cliflag "k8s.io/component-base/cli/flag"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// apiserverArguments are the arguments k3s gives to kube-apiserver, except
// that it listens on the public port itself and has no tunnel to dial through.
//
// Source: k3s-io/k3s pkg/daemons/control/server.go about v1.34 (facts, no code).
func (s *Server) apiserverArguments(etcd []string) arguments {
	issuer := "https://kubernetes.default.svc." + s.clusterDomain
	serving, kubelet, proxy := s.paths.pair("serving-kube-apiserver"), s.paths.pair("client-kube-apiserver"), s.paths.pair("client-auth-proxy")
	a := arguments{
		"storage-backend":                    "etcd3",
		"etcd-servers":                       strings.Join(etcd, ","),
		"cert-dir":                           s.paths.tls("temporary-certs"),
		"allow-privileged":                   "true",
		"enable-bootstrap-token-auth":        "true",
		"authorization-mode":                 "Node,RBAC",
		"anonymous-auth":                     "false",
		"service-account-signing-key-file":   s.paths.currentKey(),
		"service-account-key-file":           s.paths.serviceKey(),
		"service-account-issuer":             issuer,
		"api-audiences":                      issuer + ",k3s",
		"service-cluster-ip-range":           strings.Join(s.serviceCIDRs, ","),
		"service-node-port-range":            s.nodePortRange,
		"secure-port":                        fmt.Sprint(s.port),
		"bind-address":                       s.listenAddress(),
		"tls-cert-file":                      serving.Certificate,
		"tls-private-key-file":               serving.Key,
		"kubelet-certificate-authority":      s.paths.serverCA(),
		"kubelet-client-certificate":         kubelet.Certificate,
		"kubelet-client-key":                 kubelet.Key,
		"kubelet-preferred-address-types":    "InternalIP,ExternalIP,Hostname",
		"requestheader-client-ca-file":       s.paths.tls("request-header-ca.crt"),
		"requestheader-allowed-names":        authProxyName,
		"requestheader-extra-headers-prefix": "X-Remote-Extra-",
		"requestheader-group-headers":        "X-Remote-Group",
		"requestheader-username-headers":     "X-Remote-User",
		"proxy-client-cert-file":             proxy.Certificate,
		"proxy-client-key-file":              proxy.Key,
		"client-ca-file":                     s.paths.tls("client-ca.crt"),
		"enable-admission-plugins":           "NodeRestriction",
		"profiling":                          "false",
	}
	if s.advertiseAddress != "" {
		a["advertise-address"] = s.advertiseAddress
	}
	if s.egressMode != "disabled" {
		a["enable-aggregator-routing"] = "true"
	}
	if s.encryptSecrets {
		a["encryption-provider-config"] = s.paths.encryptionConfig()
		a["encryption-provider-config-automatic-reload"] = "true"
	}
	if s.verbosity != 0 {
		a["v"] = fmt.Sprint(s.verbosity)
	}
	return a
}

// runAPIServer serves until the context ends.
func (s *Server) runAPIServer(ctx context.Context, given []string) error {
	opts := options.NewServerRunOptions()
	flags := opts.Flags()
	if err := parse("kube-apiserver", flags, given); err != nil {
		return err
	}
	if err := opts.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	completed, err := opts.Complete(ctx)
	if err != nil {
		return err
	}
	if problems := completed.Validate(); len(problems) != 0 {
		return utilerrors.NewAggregate(problems)
	}
	if completed.InformerName, err = cache.NewInformerName("kube-apiserver"); err != nil {
		return err
	}
	config, err := apiserver.NewConfig(completed)
	if err != nil {
		return err
	}
	s.addSupervisorPaths(config.Aggregator.GenericConfig.Config.BuildHandlerChainFunc, func(build chainBuilder) {
		config.Aggregator.GenericConfig.Config.BuildHandlerChainFunc = build
	})
	if s.planted.NeverReady {
		// Not by AddReadyzChecks: the other servers' configs append to the same array.
		generic := config.Aggregator.GenericConfig
		generic.ReadyzChecks = append(slices.Clip(generic.ReadyzChecks), neverReady)
	}
	ready, err := config.Complete()
	if err != nil {
		return err
	}
	chain, err := apiserver.CreateServerChain(ready)
	if err != nil {
		return err
	}
	prepared, err := chain.PrepareRun()
	if err != nil {
		return err
	}
	return prepared.Run(ctx)
}

type chainBuilder = func(http.Handler, *genericapiserver.Config) http.Handler

// addSupervisorPaths answers, in front of authentication, the three paths of
// k3s's supervisor that a tool may look at.
func (s *Server) addSupervisorPaths(build chainBuilder, set func(chainBuilder)) {
	set(func(api http.Handler, config *genericapiserver.Config) http.Handler {
		next := build(s.delayOwnKinds(api), config)
		return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
			switch request.URL.Path {
			case "/ping":
				_, _ = response.Write([]byte("pong"))
			case "/cacerts":
				s.serveAuthority(response)
			case "/v1-k3s/readyz":
				s.serveReady(response, request)
			default:
				next.ServeHTTP(response, request)
			}
		})
	})
}

func (s *Server) serveAuthority(response http.ResponseWriter) {
	content, err := os.ReadFile(s.paths.serverCA())
	if err != nil {
		http.Error(response, "no authority", http.StatusInternalServerError)
		return
	}
	_, _ = response.Write(content)
}

func (s *Server) serveReady(response http.ResponseWriter, request *http.Request) {
	name, secret, _ := request.BasicAuth()
	known, err := readPasswords(s.paths.passwd())
	if err != nil || secret == "" || known.of(name) != secret {
		http.Error(response, "Unauthorized", http.StatusUnauthorized)
		return
	}
	if !s.controllersUp.Load() {
		http.Error(response, "runtime core not ready", http.StatusServiceUnavailable)
		return
	}
	_, _ = response.Write([]byte("ok"))
}

func parse(name string, named cliflag.NamedFlagSets, given []string) error {
	set := pflag.NewFlagSet(name, pflag.ContinueOnError)
	set.Usage = func() {}
	set.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	for _, part := range named.FlagSets {
		set.AddFlagSet(part)
	}
	if err := set.Parse(given); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if set.NArg() > 0 {
		return errors.New(name + ": unexpected argument " + set.Arg(0))
	}
	return nil
}
