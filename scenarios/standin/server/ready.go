package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	readyPoll    = 50 * time.Millisecond
	readyTimeout = 2 * time.Second
	waitingLine  = 30 * time.Second
)

// awaitAPIServer closes ready when /readyz answers 200 to the admin's
// certificate. It uses the certificate files and no kubeconfig: k3s 1.36 gets
// this far on a restore that has lost its kubeconfigs.
func (s *Server) awaitAPIServer(ctx context.Context, ready chan struct{}) {
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	said := time.Time{}
	for {
		if time.Since(said) > waitingLine {
			logrus.Info("Waiting for API server to become available")
			said = time.Now()
		}
		if s.isReady(ctx) {
			close(ready)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

func (s *Server) isReady(ctx context.Context) bool {
	admin := s.paths.pair("client-admin")
	certificate, err := tls.LoadX509KeyPair(admin.Certificate, admin.Key)
	if err != nil {
		return false
	}
	authority, err := os.ReadFile(s.paths.serverCA())
	if err != nil {
		return false
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	client := &http.Client{
		Timeout: readyTimeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}},
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url()+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// notifyReady tells systemd, if it asked to be told.
func notifyReady() {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	connection, err := net.Dial("unixgram", path)
	if err != nil {
		logrus.Warnf("Failed to notify systemd: %v", err)
		return
	}
	defer connection.Close()
	_, _ = connection.Write([]byte("READY=1\n"))
}
