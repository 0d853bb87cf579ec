// Package fault reads what is planted in a copy of this program: lines at the
// end of its own file that say how it must misbehave. It decides nothing; who
// can misbehave asks. They are not in the command line or the environment, so
// that a drill starts such a copy as it starts any engine, and cannot tell.
package fault

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	mark      = "K3S_STANDIN_FAULT="
	tailBytes = 4096

	crashAfter = 2 * time.Second
)

// trailer is all marked lines up to the end; the first may follow anything.
var trailer = regexp.MustCompile(`(?:` + mark + `[ -~]*\n)+\z`)

// Planted is what this copy has to do wrong. The zero value is none of it.
type Planted struct {
	NeverReady    bool
	CrashAtStart  bool
	IgnoreSignals bool
	// CrashAfterReady is how long it serves, if it crashes then.
	CrashAfterReady *time.Duration
	// Version is what it says it is, if not what it is.
	Version string
	// Lose are prefixes of keys that are deleted before anybody can ask for them.
	Lose []string
	// Forget are prefixes of keys all of whose rows are gone by then, as if they had never been.
	Forget []string
	// AuthorityLeft is how long the authorities of a new cluster still live, if not for their ten years.
	AuthorityLeft *time.Duration
}

// Read looks at the end of this program's own file. One that cannot be read has no fault.
func Read() (Planted, error) {
	file, err := os.Open("/proc/self/exe")
	if err != nil {
		return Planted{}, nil
	}
	defer file.Close()
	if _, err := file.Seek(-tailBytes, io.SeekEnd); err != nil {
		return Planted{}, nil
	}
	tail, err := io.ReadAll(file)
	if err != nil {
		return Planted{}, nil
	}
	return parse(tail)
}

func parse(tail []byte) (Planted, error) {
	planted := Planted{}
	for line := range strings.Lines(string(trailer.Find(tail))) {
		fault := strings.TrimSuffix(strings.TrimPrefix(line, mark), "\n")
		if err := planted.add(fault); err != nil {
			return Planted{}, err
		}
	}
	return planted, nil
}

// add takes NAME or NAME=VALUE. A fault that is not understood is an error:
// a scenario must not pass because its engine failed in another way.
func (p *Planted) add(fault string) (err error) {
	name, value, given := strings.Cut(fault, "=")
	switch {
	case fault == "never-ready":
		p.NeverReady = true
	case fault == "crash-at-start":
		p.CrashAtStart = true
	case fault == "ignore-sigterm":
		p.IgnoreSignals = true
	case name == "crash-after-ready":
		p.CrashAfterReady, err = seconds(value, given)
	case name == "version" && value != "":
		p.Version = value
	case name == "lose" && strings.HasPrefix(value, "/"):
		p.Lose = append(p.Lose, value)
	case name == "forget" && strings.HasPrefix(value, "/"):
		p.Forget = append(p.Forget, value)
	case name == "ca-lifetime":
		var left time.Duration
		left, err = time.ParseDuration(value)
		p.AuthorityLeft = &left
	default:
		return fmt.Errorf("no such fault can be planted: %s", fault)
	}
	if err != nil {
		return fmt.Errorf("planted fault %s: %w", fault, err)
	}
	return nil
}

func seconds(value string, given bool) (*time.Duration, error) {
	after := crashAfter
	if given {
		count, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			return nil, err
		}
		after = time.Duration(count) * time.Second
	}
	return &after, nil
}
