package main

import (
	"database/sql"
	"sort"
	"strings"

	_ "github.com/mattn/go-sqlite3"
)

// object is a key with a value that a real API server stored.
type object struct {
	key   string
	value []byte
}

// Namespaces of the stand-in cluster whose objects are taken; with the cluster-scoped ones they make about a thousand.
const workloadNamespaces = 2

// readSeed reads the live rows in the order they were made in.
func readSeed(path string) ([]object, error) {
	database, err := sql.Open("sqlite3", "file:"+path+"?mode=ro&immutable=1")
	if err != nil {
		return nil, err
	}
	defer database.Close()
	rows, err := database.Query(`SELECT CAST(name AS TEXT), value FROM kine WHERE id IN (SELECT max(id) FROM kine GROUP BY name)
		AND deleted = 0 AND name NOT LIKE 'compact%' AND name != '/registry/health' ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []object
	for rows.Next() {
		var one object
		if err := rows.Scan(&one.key, &one.value); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return chosen(all), rows.Err()
}

// chosen leaves out the namespaces beyond workloadNamespaces, with all that is in them.
func chosen(all []object) []object {
	var workload []string
	system := map[string]bool{"default": true, "kube-system": true, "kube-public": true, "kube-node-lease": true}
	for _, one := range all {
		if name, ok := strings.CutPrefix(one.key, "/registry/namespaces/"); ok && !system[name] {
			workload = append(workload, name)
		}
	}
	sort.Strings(workload)
	left := map[string]bool{}
	for at, name := range workload {
		if at >= workloadNamespaces {
			left[name] = true
		}
	}
	var taken []object
	for _, one := range all {
		keep := true
		for _, part := range strings.Split(one.key, "/") {
			keep = keep && !left[part]
		}
		if keep {
			taken = append(taken, one)
		}
	}
	return taken
}
