package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/k3s-io/kine/pkg/client"
	"k8s.io/apiserver/pkg/server/healthz"

	"k3s-standin/pki"
)

// neverReady is the check that keeps /readyz red.
var neverReady = healthz.NamedCheck("planted-fault", func(*http.Request) error {
	return errors.New("planted fault: never-ready")
})

// crashLater ends the process as a bug does: exit code 2, and Go's own text on standard error.
func (s *Server) crashLater() {
	if after := s.planted.CrashAfterReady; after != nil {
		time.AfterFunc(*after, func() { panic("planted fault: crash-after-ready") })
	}
}

// authorityLeft is how long the authorities of a new cluster still live.
func (s *Server) authorityLeft() time.Duration {
	if s.planted.AuthorityLeft != nil {
		return *s.planted.AuthorityLeft
	}
	return pki.AuthorityLifetime
}

// loseKeys deletes what is to be lost through kine, and what is to be forgotten behind its back. It says nothing.
func (s *Server) loseKeys(ctx context.Context, datastore client.Client) error {
	if err := s.forgetRows(ctx); err != nil {
		return err
	}
	for _, prefix := range s.planted.Lose {
		rows, err := datastore.List(ctx, prefix, 0)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := datastore.Delete(ctx, string(row.Key), row.Modified); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Server) forgetRows(ctx context.Context) error {
	if len(s.planted.Forget) == 0 {
		return nil
	}
	database, err := openDatabase(s.paths)
	if err != nil {
		return err
	}
	defer database.Close()
	for _, prefix := range s.planted.Forget {
		if _, err := database.ExecContext(ctx, "DELETE FROM kine WHERE substr(name, 1, length(?1)) = ?1", prefix); err != nil {
			return err
		}
	}
	return nil
}
