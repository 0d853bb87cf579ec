package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// configValue is one value of one key; a list gives several of them.
type configValue struct{ file, name, value string }

// readConfig reads the config file and the *.yaml beside it in <file>.d, in
// order; a later file replaces a key, or adds to it if the key ends in "+".
// The default file need not exist, one that was asked for must.
func readConfig(set *pflag.FlagSet) ([]configValue, error) {
	path := set.Lookup("config").Value.String()
	asked := set.Changed("config")
	if fromEnv := os.Getenv("K3S_CONFIG_FILE"); fromEnv != "" && !asked {
		path, asked = fromEnv, true
	}
	paths := []string{path}
	extra, err := filepath.Glob(filepath.Join(path+".d", "*.yaml"))
	if err != nil {
		return nil, err
	}
	sort.Strings(extra)
	var values []configValue
	for _, path := range append(paths, extra...) {
		content, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) && !asked {
			continue
		}
		if err != nil {
			return nil, err
		}
		if values, err = merge(values, path, content); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func merge(values []configValue, path string, content []byte) ([]configValue, error) {
	keys := map[string]any{}
	if err := yaml.Unmarshal(content, &keys); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, key := range names {
		name, adds := strings.CutSuffix(key, "+")
		if !adds {
			values = without(values, name)
		}
		for _, value := range flatten(keys[key]) {
			values = append(values, configValue{path, name, value})
		}
	}
	return values, nil
}

func flatten(value any) []string {
	switch value := value.(type) {
	case nil:
		return nil
	case []any:
		var all []string
		for _, item := range value {
			all = append(all, flatten(item)...)
		}
		return all
	case float64:
		return []string{fmt.Sprintf("%.0f", value)}
	default:
		return []string{fmt.Sprint(value)}
	}
}

func without(values []configValue, name string) []configValue {
	var kept []configValue
	for _, value := range values {
		if value.name != name {
			kept = append(kept, value)
		}
	}
	return kept
}
