package main

import "fmt"

// How superseded rows go.
const (
	never    = ""
	byKine   = "kine"   // kine's own interval
	byClient = "client" // as newer API servers do, with their bookkeeping key
)

// step is the part of a life that one release of kine serves.
type step struct {
	version    string
	compaction string
	retain     int  // revisions kept by a compaction
	killed     bool // each snapshot is what a kill leaves, its WAL beside
}

type life struct {
	name   string
	alike  bool // with names of roles that older releases take for one another
	habits bool // with a person who does what people do
	steps  []step
}

// The eras of kine differ in what the columns beside the value hold: A up to 0.15, B is 0.16, C is 0.17.
const (
	oldestA = "v0.11.9"
	newestA = "v0.14.9"
	eraB    = "v0.16.4"
	eraC    = "v0.17.5"
)

var lives = []life{
	{name: "a-oldest", steps: []step{{version: oldestA}}},
	{name: "a", steps: []step{{version: newestA}}},
	{name: "a-compacted", steps: []step{{version: newestA, compaction: byKine, retain: 1000}}},
	{name: "a-compacted-hard", steps: []step{{version: newestA, compaction: byKine, retain: 10}}},
	{name: "a-killed", steps: []step{{version: newestA, compaction: byKine, retain: 100, killed: true}}},
	{name: "a-oldest-alike", alike: true, steps: []step{{version: oldestA}}},
	{name: "a-alike-compacted", alike: true, steps: []step{{version: newestA, compaction: byKine, retain: 100}}},
	{name: "mixed-alike", alike: true, steps: []step{{version: oldestA}, {version: newestA, compaction: byKine, retain: 100},
		{version: eraB, compaction: byClient, retain: 100}, {version: eraC, compaction: byClient, retain: 100}}},
	{name: "b", steps: []step{{version: eraB}}},
	{name: "b-compacted", steps: []step{{version: eraB, compaction: byClient, retain: 1000}}},
	{name: "b-compacted-hard", steps: []step{{version: eraB, compaction: byKine, retain: 10}}},
	{name: "b-killed", steps: []step{{version: eraB, compaction: byClient, retain: 100, killed: true}}},
	{name: "c", steps: []step{{version: eraC}}},
	{name: "c-compacted", steps: []step{{version: eraC, compaction: byClient, retain: 1000}}},
	{name: "c-compacted-hard", steps: []step{{version: eraC, compaction: byClient, retain: 10}}},
	{name: "c-killed", steps: []step{{version: eraC, compaction: byKine, retain: 100, killed: true}}},
	{name: "mixed-abc", steps: []step{{version: oldestA}, {version: newestA}, {version: eraB}, {version: eraC}}},
	{name: "mixed-abc-compacted", steps: []step{{version: newestA, compaction: byKine, retain: 100},
		{version: eraB, compaction: byClient, retain: 100}, {version: eraC, compaction: byClient, retain: 100}}},
	{name: "mixed-ac", steps: []step{{version: oldestA}, {version: eraC, compaction: byClient, retain: 100}}},
	{name: "a-habits", habits: true, steps: []step{{version: newestA}}},
	{name: "b-habits-compacted", habits: true, steps: []step{{version: eraB, compaction: byKine, retain: 10}}},
	{name: "c-habits", habits: true, steps: []step{{version: eraC}}},
	{name: "c-habits-compacted", habits: true, steps: []step{{version: eraC, compaction: byClient, retain: 100}}},
	// A release of A or B does not start on what C began: it cannot read the NULL in compact_rev_key.
	{name: "mixed-back", steps: []step{{version: eraB, compaction: byClient, retain: 100}, {version: newestA},
		{version: eraC, compaction: byKine, retain: 10}}},
}

func lifeNamed(name string) (life, error) {
	for _, one := range lives {
		if one.name == name {
			return one, nil
		}
	}
	return life{}, fmt.Errorf("no life is named %q", name)
}
