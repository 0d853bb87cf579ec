package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// kine is one running kine with a client of it.
type kine struct {
	command *exec.Cmd
	log     *os.File
	client  *clientv3.Client
}

const startDeadline = 60 * time.Second

func startKine(ctx context.Context, program string, step step, database string) (*kine, error) {
	directory := filepath.Dir(database)
	socket := "unix://" + filepath.Join(directory, "kine.sock")
	os.Remove(filepath.Join(directory, "kine.sock"))
	arguments := []string{"--listen-address", socket, "--metrics-bind-address", "0", "--endpoint", "sqlite://" + database + parameters(step.version)}
	if step.version != oldestA { // which compacts every five minutes, and cannot be told otherwise
		if step.compaction == byKine {
			arguments = append(arguments, "--compact-interval", "700ms")
		}
		if step.compaction != never {
			// Small batches, so that a snapshot falls between two of them now and then.
			arguments = append(arguments, "--compact-min-retain", fmt.Sprint(step.retain), "--compact-batch-size", "100")
		}
	}
	log, err := os.OpenFile(filepath.Join(directory, "kine.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	command := exec.Command(program, arguments...)
	command.Stdout, command.Stderr, command.Dir = log, log, directory
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		log.Close()
		return nil, err
	}
	running := &kine{command: command, log: log}
	if running.client, err = connect(ctx, socket); err != nil {
		running.kill()
		content, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w; its log ends with:\n%s", err, content[max(0, len(content)-2000):])
	}
	return running, nil
}

// parameters are those k3s leaves to kine's default, said aloud because an endpoint is given.
func parameters(version string) string {
	switch version {
	case oldestA:
		return "?_journal=WAL&cache=shared&_busy_timeout=30000"
	case newestA:
		return "?_journal=WAL&cache=shared&_busy_timeout=30000&_txlock=immediate"
	}
	return "?_journal_mode=WAL&_busy_timeout=30000&_synchronous=NORMAL&_txlock=immediate&_stmt_cache_size=20&cache=shared"
}

func connect(ctx context.Context, socket string) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{socket}, Logger: zap.NewNop()})
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(startDeadline)
	for {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err = client.Get(attempt, "/registry/health")
		cancel()
		if err == nil {
			return client, nil
		}
		if time.Now().After(deadline) {
			client.Close()
			return nil, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stop ends it as systemd does.
func (k *kine) stop() error {
	k.client.Close()
	k.command.Process.Signal(syscall.SIGTERM)
	err := k.command.Wait()
	k.log.Close()
	if exit, ok := err.(*exec.ExitError); ok && exit.ExitCode() != -1 {
		return nil // releases differ in the code they end with
	}
	return err
}

func (k *kine) kill() {
	if k.client != nil {
		k.client.Close()
	}
	k.command.Process.Kill()
	k.command.Wait()
	k.log.Close()
}
