// Command k3s-client is what tests and the demo reach an API server with, where neither kubectl nor an operator can be
// downloaded: the real kubectl, and a real client-go informer. See README.md.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

const usage = `usage: k3s-client kubectl ARGUMENT...
       k3s-client informer --kubeconfig FILE --namespace NAMESPACE [--resource RESOURCE]
`

func main() {
	if filepath.Base(os.Args[0]) == "kubectl" {
		kubectl()
		return
	}
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	switch os.Args[1] {
	case "kubectl":
		os.Args = os.Args[1:] // kubectl looks at them itself, for its plugins
		kubectl()
	case "informer":
		if err := inform(context.Background(), os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "k3s-client informer:", err)
			os.Exit(1)
		}
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
}

// kubectl is cmd/kubectl of Kubernetes.
func kubectl() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
