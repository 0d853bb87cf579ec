package fault

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestEachFaultIsRead(t *testing.T) {
	two, five, past := 2*time.Second, 5*time.Second, -time.Hour
	for fault, want := range map[string]Planted{
		"never-ready":            {NeverReady: true},
		"crash-at-start":         {CrashAtStart: true},
		"ignore-sigterm":         {IgnoreSignals: true},
		"crash-after-ready":      {CrashAfterReady: &two},
		"crash-after-ready=5":    {CrashAfterReady: &five},
		"version=v1.30.4+k3s1":   {Version: "v1.30.4+k3s1"},
		"lose=/registry/pods/":   {Lose: []string{"/registry/pods/"}},
		"forget=/registry/pods/": {Forget: []string{"/registry/pods/"}},
		"ca-lifetime=-1h":        {AuthorityLeft: &past},
		"lose=/registry/x=y/a b": {Lose: []string{"/registry/x=y/a b"}},
	} {
		if got, err := parse([]byte("\x7fELF\x00" + mark + fault + "\n")); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %+v, %v; want %+v", fault, got, err, want)
		}
	}
}

func TestSeveralLinesAreReadWhateverStandsBefore(t *testing.T) {
	lines := mark + "lose=/a\n" + mark + "never-ready\n" + mark + "lose=/b\n"
	for _, before := range []string{"", "\n", "\x00\xff", mark + "crash-at-start\x00", mark + "crash-at-start\nother line\n"} {
		got, err := parse([]byte(before + lines))
		if want := (Planted{NeverReady: true, Lose: []string{"/a", "/b"}}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("after %q: %+v, %v", before, got, err)
		}
	}
}

func TestOnlyTheEndCounts(t *testing.T) {
	for _, tail := range []string{"", "\x00", mark, mark + "never-ready", mark + "never-ready\n\x00", mark + "never-ready\n\n"} {
		if got, err := parse([]byte(tail)); err != nil || !reflect.DeepEqual(got, Planted{}) {
			t.Errorf("%q has %+v, %v", tail, got, err)
		}
	}
}

func TestWhatIsNoFaultIsRefused(t *testing.T) {
	for _, fault := range []string{"", "never-ready=1", "no-such", "lose", "lose=", "lose=registry", "forget", "forget=registry", "version=", "crash-after-ready=",
		"crash-after-ready=-1", "crash-after-ready=soon", "ca-lifetime", "ca-lifetime=soon"} {
		if got, err := parse([]byte(mark + fault + "\n")); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s is read as %+v, %v", fault, got, err)
		}
	}
}
