package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/sirupsen/logrus"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"k3s-standin/pki"
)

// writeReferringKubeconfig writes a kubeconfig that names its files.
func writeReferringKubeconfig(path, url, authority string, client pki.Pair) error {
	config := kubeconfigOf("local", "user", "Default",
		&clientcmdapi.Cluster{Server: url, CertificateAuthority: authority},
		&clientcmdapi.AuthInfo{ClientCertificate: client.Certificate, ClientKey: client.Key})
	return clientcmd.WriteToFile(*config, path)
}

// writeAdminKubeconfig writes the kubeconfig for people, with everything inside.
func (s *Server) writeAdminKubeconfig() error {
	path, isDefault := s.kubeconfigPath, false
	if path == "" {
		path, isDefault = defaultKubeconfigPath(), true
	}
	mode := os.FileMode(secretFileMode)
	if s.kubeconfigMode != "" {
		given, err := strconv.ParseUint(s.kubeconfigMode, 8, 32)
		if err != nil {
			logrus.Errorf("Failed to set %s to mode %s: %v", path, s.kubeconfigMode, err)
		} else {
			mode = os.FileMode(given)
		}
	}
	admin := s.paths.pair("client-admin")
	contents := map[string][]byte{}
	for _, file := range []string{s.paths.serverCA(), admin.Certificate, admin.Key} {
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("Failed to generate kubeconfig: %w", err) //nolint:staticcheck // k3s's words
		}
		contents[file] = content
	}
	config := kubeconfigOf("default", "default", "default",
		&clientcmdapi.Cluster{Server: s.url(), CertificateAuthorityData: contents[s.paths.serverCA()]},
		&clientcmdapi.AuthInfo{ClientCertificateData: contents[admin.Certificate], ClientKeyData: contents[admin.Key]})
	encoded, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), directoryMode); err != nil {
		return err
	}
	if err := os.WriteFile(path, encoded, secretFileMode); err != nil {
		return err
	}
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	logrus.Infof("Wrote kubeconfig %s", path)
	if isDefault {
		logrus.Infof("Run: %s kubectl", filepath.Base(os.Args[0]))
	}
	return nil
}

func defaultKubeconfigPath() string {
	if os.Getuid() == 0 {
		return "/etc/rancher/k3s/k3s.yaml"
	}
	return filepath.Join(os.Getenv("HOME"), ".kube", "k3s.yaml")
}

func kubeconfigOf(cluster, user, context string, server *clientcmdapi.Cluster, client *clientcmdapi.AuthInfo) *clientcmdapi.Config {
	config := clientcmdapi.NewConfig()
	config.Clusters[cluster] = server
	config.AuthInfos[user] = client
	config.Contexts[context] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: user}
	config.CurrentContext = context
	return config
}
