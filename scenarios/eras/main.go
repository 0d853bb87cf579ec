// Command eras lives through short lives of a Kubernetes database on real kine of one release or of several in turn,
// and leaves snapshots of them taken at any moment. Every value is a real stored one. See README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	kines := flag.String("kines", "", "directory with the kine binaries, each named by its version")
	seed := flag.String("seed", "", "SQLite file whose live rows are the values")
	out := flag.String("out", "", "directory to leave the snapshots in")
	kind := flag.String("kind", "", "name of the life to live; without it, their names are printed")
	snapshots := flag.Int("snapshots", 10, "how many snapshots to take")
	number := flag.Uint64("random", 1, "seed of everything random")
	database := flag.String("serve", "", "instead of a life: a database to serve by one kine; what it made of it is printed")
	version := flag.String("by", eraC, "version of that kine")
	old := flag.Int64("old", 1, "revision to watch from")
	from := flag.Int64("from", 0, "revision to list at; 0 for the newest")
	doomed := flag.String("delete", "", "key to delete from it")
	flag.Parse()
	if *database != "" {
		if err := serve(context.Background(), *kines, *version, *database, *doomed, *old, *from, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "eras:", err)
			os.Exit(1)
		}
		return
	}
	if *kind == "" {
		for _, life := range lives {
			fmt.Println(life.name)
		}
		return
	}
	if err := live(*kines, *seed, *out, *kind, *snapshots, *number); err != nil {
		fmt.Fprintf(os.Stderr, "eras: %s, random %d: %v\n", *kind, *number, err)
		os.Exit(1)
	}
}

// live lives one life and leaves its snapshots, named in order.
func live(kines, seed, out, kind string, snapshots int, number uint64) error {
	life, err := lifeNamed(kind)
	if err != nil {
		return err
	}
	objects, err := readSeed(seed)
	if err != nil {
		return fmt.Errorf("reading the seed: %w", err)
	}
	work, err := os.MkdirTemp("", "k3s-drill-eras.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	camera := &camera{database: filepath.Join(work, "state.db"), out: out, name: kind}
	cluster := newCluster(objects, number)
	if life.alike {
		cluster.addAlike()
	}
	if life.habits {
		cluster.person = &person{cluster: cluster, database: camera.database}
	}
	taken := 0
	for at, step := range life.steps {
		wanted := snapshots*(at+1)/len(life.steps) - taken
		if err := cluster.live(context.Background(), filepath.Join(kines, step.version), step, camera, wanted); err != nil {
			return fmt.Errorf("kine %s: %w", step.version, err)
		}
		taken += wanted
	}
	return nil
}
