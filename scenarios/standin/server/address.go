package server

import (
	"fmt"
	"net"
	"os"
	"strings"

	utilnet "k8s.io/apimachinery/pkg/util/net"

	"k3s-standin/command"
)

// settleAddresses works out the node's name and addresses, the address the API
// server advertises, and the names its certificate carries. Without --node-ip
// it needs a default route, like k3s: none is an error in k3s's words.
//
// Source: k3s-io/k3s pkg/cli/server/server.go about v1.32 (facts, no code).
func (s *Server) settleAddresses(settings *command.Settings) error {
	s.nodeName = strings.ToLower(settings.Text("node-name"))
	if s.nodeName == "" {
		name, err := os.Hostname()
		if err != nil {
			return err
		}
		s.nodeName = strings.ToLower(name)
	}
	given := settings.List("node-ip")
	for _, text := range given {
		address := net.ParseIP(text)
		if address == nil {
			return fmt.Errorf("invalid node-ip %s", text)
		}
		s.nodeAddresses = append(s.nodeAddresses, address.String())
	}
	if len(given) == 0 {
		address, err := utilnet.ChooseHostInterface()
		if err != nil {
			return err
		}
		s.nodeAddresses = []string{address.String()}
	}
	s.advertiseAddress = settings.Text("advertise-address")
	for _, candidate := range [][]string{settings.List("node-external-ip"), given} {
		if s.advertiseAddress == "" && len(candidate) > 0 {
			s.advertiseAddress = candidate[0]
		}
	}
	s.names = append(settings.List("tls-san"), "127.0.0.1", "::1", "localhost", s.nodeName)
	s.names = append(s.names, s.nodeAddresses...)
	if s.advertiseAddress != "" {
		s.names = append(s.names, s.advertiseAddress)
	}
	first, err := firstServiceAddress(s.serviceCIDRs)
	if err != nil {
		return err
	}
	s.names = append(s.names, first)
	return nil
}

// firstServiceAddress is the address of default/kubernetes.
func firstServiceAddress(ranges []string) (string, error) {
	if len(ranges) == 0 {
		return "", fmt.Errorf("invalid service-cidr: none given")
	}
	_, network, err := net.ParseCIDR(ranges[0])
	if err != nil {
		return "", fmt.Errorf("invalid service-cidr %s: %w", ranges[0], err)
	}
	address := append(net.IP(nil), network.IP...)
	address[len(address)-1]++
	return address.String(), nil
}

// listenAddress is where the API server listens.
func (s *Server) listenAddress() string {
	if s.bindAddress != "" {
		return s.bindAddress
	}
	return "0.0.0.0"
}

// url is the address that this server's own clients use: --bind-address, else loopback.
func (s *Server) url() string {
	host := "127.0.0.1"
	if s.bindAddress != "" && s.bindAddress != "0.0.0.0" && s.bindAddress != "::" {
		host = s.bindAddress
	}
	return "https://" + net.JoinHostPort(host, fmt.Sprint(s.port))
}
