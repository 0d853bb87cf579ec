package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"
)

// Options are the flags of the workload command.
type Options struct {
	kubeconfig string
	namespaces int
	seed       uint64
	hours      int
	rate       int
	duration   time.Duration
	workers    int
	compact    string
	fill       bool
}

// Parse reads the arguments after "workload". Filling is what it does when no
// other work is asked for, or when --namespaces says so beside other work.
func Parse(arguments []string) (*Options, error) {
	o := &Options{}
	set := pflag.NewFlagSet("workload", pflag.ContinueOnError)
	set.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig of the cluster (required)")
	set.IntVar(&o.namespaces, "namespaces", 40, "namespaces to fill, team-000 and on, about 275 objects each")
	set.Uint64Var(&o.seed, "seed", 1, "names and contents follow from it")
	set.IntVar(&o.workers, "workers", fillWorkers, "namespaces filled at a time")
	set.IntVar(&o.hours, "hours", 0, "hours of ordinary churn to replay, as fast as the machine allows")
	set.IntVar(&o.rate, "rate", 0, "steady load, writes per second")
	set.DurationVar(&o.duration, "duration", 10*time.Second, "how long the steady load lasts")
	set.StringVar(&o.compact, "compact", "", "kine's socket; the replay compacts through it every five minutes of its own")
	if err := set.Parse(arguments); err != nil {
		return nil, err
	}
	switch {
	case set.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	case o.kubeconfig == "":
		return nil, errors.New("--kubeconfig is required")
	case o.namespaces < 0 || o.workers < 1 || o.hours < 0 || o.rate < 0 || o.duration <= 0:
		return nil, errors.New("--namespaces, --hours, --rate and --duration must not be negative")
	case o.compact != "" && o.hours == 0:
		return nil, errors.New("--compact goes with --hours")
	}
	o.fill = set.Changed("namespaces") || (o.hours == 0 && o.rate == 0)
	return o, nil
}

// Run does what the options ask for, in the order fill, hours, rate, and
// writes one JSON line for each. Release is the k3s version that made nodes show.
func Run(ctx context.Context, o *Options, release string, out io.Writer) error {
	c, err := connect(o.kubeconfig, release)
	if err != nil {
		return err
	}
	steps := []struct {
		wanted bool
		run    func() (any, error)
	}{
		{o.fill, func() (any, error) { return fill(ctx, c, o.namespaces, o.workers, o.seed) }},
		{o.hours > 0, func() (any, error) { return replay(ctx, c, o.hours, o.seed, o.compact) }},
		{o.rate > 0, func() (any, error) { return load(ctx, c, o.rate, o.duration) }},
	}
	for _, step := range steps {
		if !step.wanted {
			continue
		}
		result, err := step.run()
		if err != nil {
			return err
		}
		if err := json.NewEncoder(out).Encode(result); err != nil {
			return err
		}
	}
	return nil
}

// seconds rounds for a report.
func seconds(since time.Time) float64 {
	return float64(time.Since(since).Milliseconds()) / 1000
}
