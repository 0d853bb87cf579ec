// Command k3s-standin is the control plane that tests and the demo run where
// no k3s can be had. It takes k3s's command line and keeps k3s's rules where a
// restore can fail; it is no k3s (README.md says what it lacks).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"
	apiversion "k8s.io/component-base/version"

	"k3s-standin/command"
	"k3s-standin/fault"
	"k3s-standin/server"
	"k3s-standin/workload"
)

// release is what k3s's version would be; the build script may stamp another.
var release = "v1.37.2+standin1"

const usage = `k3s-standin is the control plane for tests and demo; it is no k3s.

  k3s-standin server [flags]     start the control plane (k3s's own flags)
  k3s-standin workload [flags]   fill a cluster through its API
  k3s-standin token rotate --new-token NEW [--token OLD] [--data-dir DIR]
  k3s-standin secrets-encrypt rotate-keys [--token TOKEN] [--data-dir DIR]
  k3s-standin --version
`

func main() {
	logrus.SetOutput(os.Stderr)
	if err := run(os.Args[1:]); err != nil {
		logrus.Fatal(err)
	}
}

// run does one command. Errors are worded for the log: k3s starts most of
// them with "Error: ", and a few with nothing.
func run(arguments []string) error {
	name := ""
	if len(arguments) > 0 {
		name = arguments[0]
	}
	switch name {
	case "--version", "-v", "version":
		if _, err := plantedFaults(); err != nil {
			return err
		}
		fmt.Printf("k3s version %s\ngo version %s\n", version(), runtime.Version())
		return nil
	case "", "--help", "-h", "help":
		fmt.Print(usage)
		return nil
	case "server":
		return runServer(arguments[1:])
	case "workload":
		return runWorkload(arguments[1:])
	case "token":
		return maintain(arguments[1:], "rotate", command.ParseTokenRotate, server.RotateToken, "Token rotated, restart k3s nodes with new token")
	case "secrets-encrypt":
		return maintain(arguments[1:], "rotate-keys", command.ParseRotateKeys, server.RotateEncryptionKeys, "Keys rotated; secrets are not encrypted anew")
	default:
		return fmt.Errorf("Error: No help topic for '%s'", name) //nolint:staticcheck // k3s's words
	}
}

func runServer(arguments []string) error {
	planted, err := plantedFaults()
	if err != nil {
		return err
	}
	settings, err := command.ParseServer(arguments)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Print("k3s-standin server [flags]\n\n", command.Usage())
		return nil
	}
	if err != nil {
		return fmt.Errorf("Error: %w", err) //nolint:staticcheck // k3s's words
	}
	if settings.Truth("debug") {
		logrus.SetLevel(logrus.DebugLevel)
	}
	stampAPIVersion()
	control, err := server.New(settings, version(), planted)
	if err != nil {
		return fmt.Errorf("Error: %w", err) //nolint:staticcheck // k3s's words
	}
	return prefixed(control.Run(lifeOf(planted)))
}

// plantedFaults are those of this copy of the program; one of them is its version.
func plantedFaults() (fault.Planted, error) {
	planted, err := fault.Read()
	if planted.Version != "" {
		release = planted.Version
	}
	return planted, err
}

// lifeOf is until a signal, or until SIGKILL.
func lifeOf(planted fault.Planted) context.Context {
	if planted.IgnoreSignals {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		return context.Background()
	}
	return untilSignalled()
}

// untilSignalled ends at the first signal, and the process at the second, as k3s's does.
func untilSignalled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(1)
	}()
	return ctx
}

// maintain does to a stopped server what k3s does to one that runs, by the one subcommand that there is.
func maintain(arguments []string, subcommand string, parse func([]string) (command.Maintenance, error),
	do func(context.Context, command.Maintenance) error, done string) error {
	if len(arguments) == 0 || arguments[0] != subcommand {
		return fmt.Errorf("Error: the stand-in has only the subcommand '%s'", subcommand) //nolint:staticcheck // k3s's words
	}
	given, err := parse(arguments[1:])
	if errors.Is(err, pflag.ErrHelp) {
		return nil
	}
	if err == nil {
		err = do(untilSignalled(), given)
	}
	if err != nil {
		return fmt.Errorf("Error: %w", err) //nolint:staticcheck // k3s's words
	}
	fmt.Println(done)
	return nil
}

func runWorkload(arguments []string) error {
	options, err := workload.Parse(arguments)
	if errors.Is(err, pflag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return workload.Run(ctx, options, release, os.Stdout)
}

// prefixed puts "Error: " before what k3s returns from its command, and leaves
// alone what k3s says from where it stands.
func prefixed(err error) error {
	var bare server.BareError
	if err == nil || errors.As(err, &bare) {
		return err
	}
	return fmt.Errorf("Error: %w", err) //nolint:staticcheck // k3s's words
}

// stampAPIVersion makes the API server show k3s's version, as k3s's does. A
// build without the version stamp cannot have it and shows its own.
func stampAPIVersion() {
	if err := apiversion.SetDynamicVersion(release); err != nil {
		logrus.Debugf("API version stays %s: %v", apiversion.Get().GitVersion, err)
	}
}

func version() string { return fmt.Sprintf("%s (kine %s)", release, kineVersion()) }

func kineVersion() string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/k3s-io/kine" {
				return module.Version
			}
		}
	}
	return "unknown"
}
