// Package server is the control plane: kine on SQLite, kube-apiserver,
// kube-controller-manager and kube-scheduler in one process, started in k3s's
// order, with k3s's files, log lines and ways to refuse. It has no kubelet,
// no tunnel and no packaged components.
//
// Source: k3s-io/k3s pkg/cli/server, pkg/server, pkg/daemons/control, v1.32 to v1.36 (facts, no code).
package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"k3s-standin/bundle"
	"k3s-standin/command"
	"k3s-standin/fault"
)

// How long a stop may take in each of its two halves. The second is longer than
// the two seconds that kine gives open streams, so that the database is closed.
const (
	componentsStopWithin = 1200 * time.Millisecond
	datastoreStopWithin  = 2500 * time.Millisecond
)

// Server is one start of the control plane.
type Server struct {
	version                    string
	paths                      paths
	givenToken, agentToken     string
	secret                     string
	bindAddress                string
	port                       int
	advertiseAddress           string
	nodeName                   string
	nodeAddresses, names       []string
	nodeLabels                 []string
	clusterCIDRs, serviceCIDRs []string
	nodePortRange              string
	clusterDomain              string
	egressMode                 string
	encryptSecrets             bool
	encryptionProvider         string
	kubeconfigPath             string
	kubeconfigMode             string
	dsn                        string
	verbosity                  int
	disableAgent               bool
	disableScheduler           bool
	disableControllerManager   bool
	apiserverExtra             []string
	controllersExtra           []string
	schedulerExtra             []string
	controllersUp              atomic.Bool
	ownKindsServed             atomic.Bool
	failures                   chan error
	planted                    fault.Planted
}

// New settles everything that needs no datastore. Version is what the log and the node show.
func New(settings *command.Settings, version string, planted fault.Planted) (*Server, error) {
	s := &Server{
		version:                  version,
		bindAddress:              settings.Text("bind-address"),
		port:                     settings.Number("https-listen-port"),
		nodeLabels:               settings.Args("node-label"),
		clusterCIDRs:             settings.List("cluster-cidr"),
		serviceCIDRs:             settings.List("service-cidr"),
		nodePortRange:            settings.Text("service-node-port-range"),
		clusterDomain:            settings.Text("cluster-domain"),
		egressMode:               settings.Text("egress-selector-mode"),
		encryptSecrets:           settings.Truth("secrets-encryption"),
		encryptionProvider:       settings.Text("secrets-encryption-provider"),
		kubeconfigMode:           settings.Text("write-kubeconfig-mode"),
		dsn:                      settings.Text("datastore-endpoint"),
		verbosity:                settings.Number("v"),
		disableAgent:             settings.Truth("disable-agent"),
		disableScheduler:         settings.Truth("disable-scheduler"),
		disableControllerManager: settings.Truth("disable-controller-manager"),
		apiserverExtra:           settings.Args("kube-apiserver-arg"),
		controllersExtra:         settings.Args("kube-controller-manager-arg"),
		schedulerExtra:           settings.Args("kube-scheduler-arg"),
		failures:                 make(chan error, 4),
		planted:                  planted,
	}
	if !s.disableAgent && os.Getuid() != 0 {
		return nil, errors.New("server must run as root, or with --rootless and/or --disable-agent")
	}
	if err := s.settleTokens(settings); err != nil {
		return nil, err
	}
	if err := s.settlePaths(settings); err != nil {
		return nil, err
	}
	return s, s.settleAddresses(settings)
}

func (s *Server) settleTokens(settings *command.Settings) (err error) {
	if s.givenToken, err = secretFrom(settings, "token"); err != nil {
		return err
	}
	s.agentToken, err = secretFrom(settings, "agent-token")
	return err
}

// secretFrom reads a secret's flag; the flag that names a file wins.
func secretFrom(settings *command.Settings, name string) (string, error) {
	path := settings.Text(name + "-file")
	if path == "" {
		return settings.Text(name), nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}

func (s *Server) settlePaths(settings *command.Settings) error {
	var err error
	if s.paths, err = pathsIn(settings.Text("data-dir")); err != nil {
		return err
	}
	if given := settings.Text("write-kubeconfig"); given != "" {
		s.kubeconfigPath, err = filepath.Abs(given)
	}
	return err
}

// Run starts the control plane and serves until the context ends. A nil error
// is a clean stop; every other one is for the log as fatal.
func (s *Server) Run(ctx context.Context) error {
	if s.disableAgent && (s.egressMode == "agent" || s.egressMode == "disabled") {
		logrus.Warn("Webhooks and apiserver aggregation may not function properly without an agent; please set egress-selector-mode to 'cluster' or 'pod'")
	}
	logrus.Infof("Starting k3s %s", s.version)
	if s.planted.CrashAtStart {
		return errors.New("planted fault: crash-at-start")
	}
	if err := os.MkdirAll(s.paths.root, directoryMode); err != nil {
		return fmt.Errorf("can not mkdir %s: %w", s.paths.root, err)
	}
	if err := os.Chdir(s.paths.root); err != nil {
		return fmt.Errorf("can not chdir %s: %w", s.paths.root, err)
	}
	store, row, mustSave, err := s.prepare(ctx)
	if errors.Is(err, errGivenUp) {
		logrus.Errorf("Shutdown request received: %v", err)
		select {} // k3s hangs here
	}
	if err != nil {
		return err
	}
	if mustSave {
		if err := s.saveBootstrap(ctx, row); err != nil {
			return err
		}
	}
	if err := s.loseKeys(ctx, row.datastore); err != nil {
		return err
	}
	row.close()
	// A failure leaves the datastore as it is, as k3s does, which dies on the spot.
	if err := s.serve(ctx, store); err != nil {
		return err
	}
	store.stop(datastoreStopWithin)
	return nil
}

// prepare opens the datastore, brings the bundle to disk, and makes what is missing.
func (s *Server) prepare(ctx context.Context) (store *datastore, row *bootstrapRow, mustSave bool, err error) {
	if err := makeDirectories(s.paths); err != nil {
		return nil, nil, false, fmt.Errorf("preparing server: %w", err)
	}
	store, err = startDatastore(s.dsn)
	if err == nil {
		row, mustSave, err = s.loadBootstrap(ctx, store)
	}
	var newer *bundle.NewerError
	switch {
	case errors.As(err, &newer):
		return nil, nil, false, BareError{newer}
	case err != nil:
		return nil, nil, false, fmt.Errorf("preparing server: failed to bootstrap cluster data: %w", err)
	}
	if err := s.ensureMaterial(); err != nil {
		return nil, nil, false, fmt.Errorf("preparing server: %w", err)
	}
	return store, row, mustSave, nil
}

func (s *Server) loadBootstrap(ctx context.Context, store *datastore) (*bootstrapRow, bool, error) {
	raw := s.givenToken
	if raw == "" {
		var err error
		if raw, err = tokenOnDisk(s.paths.in("token")); err != nil {
			return nil, false, err
		}
	}
	row, err := openBootstrapRow(store.etcd, s.paths.bundle(s.encryptSecrets), s.paths.root, raw)
	if err != nil {
		return nil, false, err
	}
	mustSave, err := row.load(ctx)
	return row, mustSave, err
}

// saveBootstrap is where a start without a token on another cluster's database dies.
func (s *Server) saveBootstrap(ctx context.Context, row *bootstrapRow) error {
	raw := row.raw
	if raw == "" {
		var err error
		if raw, err = s.fullToken(serverUser, s.secret); err != nil {
			return err
		}
	}
	if err := row.save(ctx, raw); err != nil {
		err = fmt.Errorf("failed to save bootstrap data: %w", err)
		logrus.Errorf("Shutdown request received: %v", err)
		return err
	}
	return nil
}

// serve starts the components and waits for the end.
func (s *Server) serve(ctx context.Context, store *datastore) error {
	components, cancel := context.WithCancel(context.Background())
	defer cancel()
	line := s.apiserverArguments(store.etcd.Endpoints).with(s.apiserverExtra)
	logrus.Infof("Running kube-apiserver %s", strings.Join(line, " "))
	stopped := s.start("kube-apiserver", components, func(ctx context.Context) error { return s.runAPIServer(ctx, line) })
	ready := make(chan struct{})
	go s.awaitAPIServer(components, ready)
	s.startWhen(ready, components, !s.disableScheduler, "kube-scheduler", s.schedulerArguments().with(s.schedulerExtra), runScheduler)
	s.startWhen(ready, components, !s.disableControllerManager, "kube-controller-manager", s.controllerArguments().with(s.controllersExtra), runControllerManager)
	if err := s.writeTokens(); err != nil {
		return err
	}
	if err := s.writeAdminKubeconfig(); err != nil {
		return err
	}
	go s.announce(components, ready)
	select {
	case err := <-s.failures:
		return err
	case <-ctx.Done():
	}
	cancel()
	select {
	case <-stopped:
	case <-time.After(componentsStopWithin):
	}
	return nil
}

// start runs a component; its end before the stop is a failure of the server.
func (s *Server) start(name string, ctx context.Context, run func(context.Context) error) (stopped chan struct{}) {
	stopped = make(chan struct{})
	go func() {
		defer close(stopped)
		err := run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("no reason given")
		}
		s.failures <- fmt.Errorf("%s exited: %w", name, err)
	}()
	return stopped
}

// startWhen announces a component at once, as k3s does, and starts it when the
// API server is ready and this server's own controllers are up.
func (s *Server) startWhen(ready chan struct{}, ctx context.Context, wanted bool, name string, line []string, run func(context.Context, []string) error) {
	if !wanted {
		return
	}
	logrus.Infof("Running %s %s", name, strings.Join(line, " "))
	go func() {
		select {
		case <-ctx.Done():
		case <-ready:
			s.start(name, ctx, func(ctx context.Context) error { return run(ctx, line) })
		}
	}()
}

// announce writes the lines of a start that has come up, tells systemd, and
// starts what k3s starts then. Nothing before its last line proves success.
func (s *Server) announce(ctx context.Context, ready chan struct{}) {
	select {
	case <-ctx.Done():
		return
	case <-ready:
	}
	s.crashLater()
	time.AfterFunc(ownKindsWait, func() { s.ownKindsServed.Store(true) })
	logrus.Info("Kube API server is now running")
	logrus.Info("ETCD server is now running")
	logrus.Info("k3s is up and running")
	notifyReady()
	supervisor := s.paths.cred("supervisor.kubeconfig")
	if _, err := os.Stat(supervisor); err != nil {
		s.failures <- BareError{fmt.Errorf("failed to start controllers: failed to create new server context: %w", err)}
		return
	}
	if err := makeOwnKinds(ctx, supervisor); err != nil && ctx.Err() == nil {
		logrus.Errorf("Failed to register k3s's own kinds: %v", err)
	}
	s.controllersUp.Store(true)
	if s.disableAgent {
		return
	}
	if err := s.keepNode(ctx, supervisor); err != nil && ctx.Err() == nil {
		s.failures <- fmt.Errorf("node %s: %w", s.nodeName, err)
	}
}

// BareError is a fatal error that k3s logs from where it stands, without the
// "Error: " that comes before what its command returns.
type BareError struct{ error }

func (e BareError) Unwrap() error { return e.error }
