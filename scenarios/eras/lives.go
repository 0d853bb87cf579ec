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
	name  string
	steps []step
}

// The eras of kine differ in what the columns beside the value hold: A up to 0.15, B is 0.16, C is 0.17.
const (
	oldestA = "v0.11.9"
	newestA = "v0.14.9"
	eraB    = "v0.16.4"
	eraC    = "v0.17.5"
)

var lives = []life{
	{"a-oldest", []step{{version: oldestA}}},
	{"a", []step{{version: newestA}}},
	{"a-compacted", []step{{version: newestA, compaction: byKine, retain: 1000}}},
	{"a-compacted-hard", []step{{version: newestA, compaction: byKine, retain: 10}}},
	{"a-killed", []step{{version: newestA, compaction: byKine, retain: 100, killed: true}}},
	{"b", []step{{version: eraB}}},
	{"b-compacted", []step{{version: eraB, compaction: byClient, retain: 1000}}},
	{"b-compacted-hard", []step{{version: eraB, compaction: byKine, retain: 10}}},
	{"b-killed", []step{{version: eraB, compaction: byClient, retain: 100, killed: true}}},
	{"c", []step{{version: eraC}}},
	{"c-compacted", []step{{version: eraC, compaction: byClient, retain: 1000}}},
	{"c-compacted-hard", []step{{version: eraC, compaction: byClient, retain: 10}}},
	{"c-killed", []step{{version: eraC, compaction: byKine, retain: 100, killed: true}}},
	{"mixed-abc", []step{{version: oldestA}, {version: newestA}, {version: eraB}, {version: eraC}}},
	{"mixed-abc-compacted", []step{{version: newestA, compaction: byKine, retain: 100},
		{version: eraB, compaction: byClient, retain: 100}, {version: eraC, compaction: byClient, retain: 100}}},
	{"mixed-ac", []step{{version: oldestA}, {version: eraC, compaction: byClient, retain: 100}}},
	// A release of A or B does not start on what C began: it cannot read the NULL in compact_rev_key.
	{"mixed-back", []step{{version: eraB, compaction: byClient, retain: 100}, {version: newestA},
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
