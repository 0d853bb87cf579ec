package server

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sirupsen/logrus"

	"k3s-standin/token"
)

const (
	serverUser    = "server"
	agentUser     = "node"
	tokenSizeByte = 16
)

// passwords is cred/passwd: CSV lines "<secret>,<user>,<user>,<role>".
type passwords struct {
	lines   [][]string
	changed bool
}

func readPasswords(path string) (*passwords, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return &passwords{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.FieldsPerRecord = -1
	lines, err := reader.ReadAll()
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		if len(line) < 3 {
			return nil, fmt.Errorf("password file '%s' must have at least 3 columns (password, user name, user uid), found %d", path, len(line))
		}
	}
	return &passwords{lines: lines}, nil
}

func (p *passwords) of(user string) string {
	for _, line := range p.lines {
		if line[1] == user {
			return line[0]
		}
	}
	return ""
}

func (p *passwords) ensure(user, role, secret string) {
	for _, line := range p.lines {
		if line[1] == user {
			p.changed = p.changed || line[0] != secret
			line[0] = secret
			return
		}
	}
	p.lines = append(p.lines, []string{secret, user, user, role})
	p.changed = true
}

// write leaves an unchanged file alone: its time is part of the bundle.
func (p *passwords) write(path string) error {
	if !p.changed {
		return nil
	}
	var content strings.Builder
	writer := csv.NewWriter(&content)
	if err := writer.WriteAll(p.lines); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content.String()), secretFileMode)
}

// ensurePasswords settles the server's and the agents' secret: what was given,
// else what the restored file says, else a new one.
func (s *Server) ensurePasswords() error {
	known, err := readPasswords(s.paths.passwd())
	if err != nil {
		return err
	}
	secret := known.of(serverUser)
	if s.givenToken != "" {
		if secret, err = token.Normalise(s.givenToken); err != nil {
			return err
		}
	}
	if secret == "" {
		secret = token.Random(tokenSizeByte)
	}
	agentSecret := s.agentToken
	if agentSecret == "" {
		agentSecret = secret
	}
	known.ensure(agentUser, "k3s:agent", agentSecret)
	known.ensure(serverUser, "k3s:server", secret)
	s.secret = secret
	return known.write(s.paths.passwd())
}

// fullToken is the server token in K10 form, for the CA on disk.
func (s *Server) fullToken(user, secret string) (string, error) {
	authority, err := os.ReadFile(s.paths.serverCA())
	if err != nil {
		return "", err
	}
	return token.Format(user+":"+secret, authority)
}

// writeTokens rewrites server/token in K10 form, with its two symbolic links.
func (s *Server) writeTokens() error {
	path := s.paths.in("token")
	full, err := s.fullToken(serverUser, s.secret)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(full+"\n"), secretFileMode); err != nil {
		return err
	}
	if err := link(path, s.paths.in("node-token")); err != nil {
		return err
	}
	logrus.Infof("Server node token is available at %s", path)
	logrus.Infof("To join server node to cluster: k3s server -s %s -t ${SERVER_NODE_TOKEN}", s.url())

	agentPath := s.paths.in("agent-token")
	if s.agentToken == "" {
		err = link(path, agentPath)
	} else {
		err = s.writeAgentToken(agentPath)
	}
	if err != nil {
		return err
	}
	logrus.Infof("Agent node token is available at %s", agentPath)
	logrus.Infof("To join agent node to cluster: k3s agent -s %s -t ${AGENT_NODE_TOKEN}", s.url())
	return nil
}

func (s *Server) writeAgentToken(path string) error {
	full, err := s.fullToken(agentUser, s.agentToken)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(full+"\n"), secretFileMode)
}

func link(target, at string) error {
	if info, err := os.Lstat(at); err == nil && info.Mode()&os.ModeSymlink != 0 {
		return nil
	}
	if err := os.RemoveAll(at); err != nil {
		return err
	}
	return os.Symlink(target, at)
}
