package command

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"
)

// Settings are the flags of one `server` command after precedence is settled.
type Settings struct{ set *pflag.FlagSet }

// ParseServer reads the arguments after "server", then the config file, then
// the environment. Errors are k3s's own where it has one for the case.
func ParseServer(arguments []string) (*Settings, error) {
	set := newSet()
	if err := set.Parse(arguments); err != nil {
		return nil, inK3sWords(err)
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	fromFile, err := readConfig(set)
	if err != nil {
		return nil, err
	}
	if err := applyConfig(set, fromFile); err != nil {
		return nil, err
	}
	if err := applyEnvironment(set); err != nil {
		return nil, err
	}
	return &Settings{set}, refuse(set)
}

// Usage is the help text, made from the table.
func Usage() string { return newSet().FlagUsages() }

// Text is the value of a text flag.
func (s *Settings) Text(name string) string { return s.set.Lookup(name).Value.String() }

// Number is the value of a number flag.
func (s *Settings) Number(name string) int {
	value, err := s.set.GetInt(name)
	must(err)
	return value
}

// Truth is the value of a switch.
func (s *Settings) Truth(name string) bool {
	value, err := s.set.GetBool(name)
	must(err)
	return value
}

// Args are the values of a repeatable flag, each as it was given.
func (s *Settings) Args(name string) []string {
	values, err := s.set.GetStringArray(name)
	must(err)
	return values
}

// List is Args with every value split at its commas.
func (s *Settings) List(name string) []string {
	var values []string
	for _, given := range s.Args(name) {
		for _, value := range strings.Split(given, ",") {
			if value = strings.TrimSpace(value); value != "" {
				values = append(values, value)
			}
		}
	}
	return values
}

// inK3sWords gives an unknown flag the text that k3s gives it.
func inK3sWords(err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		return fmt.Errorf("flag provided but not defined: -%s", unknown.GetSpecifiedName())
	}
	return err
}

func must(err error) {
	if err != nil {
		panic(err) // a flag asked for by a name or kind that the table lacks
	}
}

func newSet() *pflag.FlagSet {
	set := pflag.NewFlagSet("server", pflag.ContinueOnError)
	set.SortFlags = false
	set.Usage = func() {}
	for _, f := range flags {
		usage := f.meaning
		if f.env != "" {
			usage += " [$" + f.env + "]"
		}
		switch f.kind {
		case text:
			set.StringP(f.name, f.short, f.value, usage)
		case list, args:
			var values []string
			if f.value != "" {
				values = []string{f.value}
			}
			set.StringArrayP(f.name, f.short, values, usage)
		case number:
			value, err := strconv.Atoi(f.value)
			must(err)
			set.IntP(f.name, f.short, value, usage)
		case truth:
			set.BoolP(f.name, f.short, f.value == "true", usage)
		}
	}
	return set
}

func applyConfig(set *pflag.FlagSet, values []configValue) error {
	given := map[string]bool{}
	set.Visit(func(f *pflag.Flag) { given[f.Name] = true })
	for _, value := range values {
		found := lookup(set, value.name)
		if found == nil {
			logrus.Warnf("Unknown flag --%s found in %s, skipping", value.name, value.file)
			continue
		}
		if given[found.Name] {
			continue
		}
		if err := set.Set(found.Name, value.value); err != nil {
			return fmt.Errorf("%s: %s: %w", value.file, value.name, err)
		}
	}
	return nil
}

// lookup finds a flag by its long name or by its one-letter name.
func lookup(set *pflag.FlagSet, name string) *pflag.Flag {
	if found := set.Lookup(name); found != nil || len(name) != 1 {
		return found
	}
	return set.ShorthandLookup(name)
}

func applyEnvironment(set *pflag.FlagSet) error {
	for _, f := range flags {
		value := os.Getenv(f.env)
		if f.env == "" || value == "" || set.Changed(f.name) {
			continue
		}
		if err := set.Set(f.name, value); err != nil {
			return fmt.Errorf("environment variable %s: %w", f.env, err)
		}
	}
	return nil
}

func refuse(set *pflag.FlagSet) error {
	for _, f := range flags {
		value := set.Lookup(f.name).Value.String()
		if f.effect == refused && value != f.value {
			return fmt.Errorf("invalid flag use; --%s (%s) is not something the stand-in can do", f.name, f.meaning)
		}
	}
	mode := set.Lookup("egress-selector-mode").Value.String()
	if !slices.Contains([]string{"agent", "cluster", "pod", "disabled"}, mode) {
		return fmt.Errorf("invalid egress-selector-mode %s", mode)
	}
	endpoint := set.Lookup("datastore-endpoint").Value.String()
	if endpoint != "" && !strings.HasPrefix(endpoint, "sqlite://") {
		return fmt.Errorf("invalid flag use; the stand-in keeps its data in SQLite, --datastore-endpoint must start with sqlite://")
	}
	return nil
}
