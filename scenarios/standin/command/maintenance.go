package command

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"
)

// Maintenance are the flags of what is done to a stopped server.
type Maintenance struct{ DataDir, Token, NewToken string }

// ParseTokenRotate reads the arguments after "token rotate".
func ParseTokenRotate(arguments []string) (Maintenance, error) {
	return parseMaintenance("token rotate", arguments, func(set *pflag.FlagSet, m *Maintenance) {
		set.StringVar(&m.NewToken, "new-token", "", "the token from now on (default a random one)")
	})
}

// ParseRotateKeys reads the arguments after "secrets-encrypt rotate-keys".
func ParseRotateKeys(arguments []string) (Maintenance, error) {
	return parseMaintenance("secrets-encrypt rotate-keys", arguments, func(*pflag.FlagSet, *Maintenance) {})
}

func parseMaintenance(name string, arguments []string, more func(*pflag.FlagSet, *Maintenance)) (m Maintenance, err error) {
	set := pflag.NewFlagSet(name, pflag.ContinueOnError)
	set.StringVarP(&m.DataDir, "data-dir", "d", os.Getenv("K3S_DATA_DIR"), "folder that holds state, as for the server")
	set.StringVarP(&m.Token, "token", "t", os.Getenv("K3S_TOKEN"), "the present token (default what is in server/token)")
	more(set, &m)
	if err := set.Parse(arguments); err != nil {
		return m, inK3sWords(err)
	}
	if set.NArg() > 0 {
		return m, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	return m, nil
}
