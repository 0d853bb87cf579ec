package server

import (
	"sort"
	"strings"
)

// arguments are a component's flags by name, before the user's own are added.
type arguments map[string]string

// with returns the command line; a flag the user gives replaces ours.
func (a arguments) with(extra []string) []string {
	var line []string
	given := map[string]bool{}
	for _, argument := range extra {
		argument = strings.TrimLeft(argument, "-")
		name, _, _ := strings.Cut(argument, "=")
		given[name] = true
		line = append(line, "--"+argument)
	}
	for name, value := range a {
		if !given[name] {
			line = append(line, "--"+name+"="+value)
		}
	}
	sort.Strings(line)
	return line
}
