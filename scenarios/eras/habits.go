package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	definitions = "/registry/apiextensions.k8s.io/customresourcedefinitions/"
	apiServices = "/registry/apiregistration.k8s.io/apiservices/"
)

// person does to a cluster, one thing after the other, what documented commands, old releases and people in need do
// to it, and what k3s starts on all the same.
type person struct {
	cluster  *cluster
	database string
	done     int
}

func (p *person) next(ctx context.Context, client *clientv3.Client) error {
	habits := []func(context.Context, *clientv3.Client) error{
		p.makeDefinition, p.deleteHistory, p.forceDefinition, p.deleteEvents, p.finalizeNamespace, p.keepOldBootstrap,
	}
	at := p.done
	p.done++
	if err := habits[at%len(habits)](ctx, client); err != nil {
		return fmt.Errorf("habit %d: %w", at, err)
	}
	return nil
}

// makeDefinition makes a definition of k3s's own, which is not ready yet, and an object of it.
func (p *person) makeDefinition(ctx context.Context, client *clientv3.Client) error {
	plural := fmt.Sprintf("etcdsnapshotfile%ds", p.done)
	if pattern := p.cluster.find(definitions + "addons.k3s.cattle.io"); pattern != nil {
		value := bytes.ReplaceAll(pattern.value, []byte(`"addon`), []byte(`"`+strings.TrimSuffix(plural, "s")))
		value = value[:bytes.LastIndex(value, []byte(`"status":{"conditions"`))]
		value = append(value, `"status":{"conditions":null,"acceptedNames":{"plural":"","kind":""},"storedVersions":["v1"]}}`+"\n"...)
		value = editedJSON(value, edit{uid: newUID(p.cluster.random)})
		if err := p.put(ctx, client, definitions+plural+".k3s.cattle.io", value); err != nil {
			return err
		}
	}
	file, err := json.Marshal(map[string]any{
		"apiVersion": "k3s.cattle.io/v1", "kind": "ETCDSnapshotFile",
		"metadata": map[string]any{
			"name": "local-on-demand", "uid": newUID(p.cluster.random), "generation": 1,
			"creationTimestamp": "2026-11-01T10:00:00Z", "finalizers": []string{"wrangler.cattle.io/managed-etcd-snapshots-controller"},
			"labels":      map[string]string{"etcd.k3s.cattle.io/snapshot-storage-node": "node-a"},
			"annotations": map[string]string{"etcd.k3s.cattle.io/snapshot-token-hash": "5f1c"},
		},
		"spec":   map[string]any{"location": "file:///var/lib/rancher/k3s/server/db/snapshots/a", "nodeName": "node-a", "snapshotName": "a"},
		"status": map[string]any{"creationTime": "2026-11-01T10:00:00Z", "readyToUse": true, "size": "7M"},
	})
	if err != nil {
		return err
	}
	return p.put(ctx, client, "/registry/k3s.cattle.io/"+plural+"/local-on-demand", append(file, '\n'))
}

// forceDefinition deletes one and what announces it, and leaves its objects (kubernetes#60538).
func (p *person) forceDefinition(ctx context.Context, client *clientv3.Client) error {
	left := map[string]int{}
	for _, one := range p.cluster.records {
		if name, ok := strings.CutPrefix(one.key, definitions); ok && !one.retired {
			_, group, _ := strings.Cut(name, ".")
			left[group]++
		}
	}
	for _, one := range p.cluster.records {
		name, ok := strings.CutPrefix(one.key, definitions)
		if !ok || one.retired {
			continue
		}
		_, group, _ := strings.Cut(name, ".")
		if left[group] == 1 {
			for _, service := range p.cluster.records {
				if strings.HasPrefix(service.key, apiServices) && strings.HasSuffix(service.key, "."+group) {
					p.retire(ctx, client, service)
				}
			}
		}
		return p.retire(ctx, client, one)
	}
	return nil
}

// finalizeNamespace deletes one before what is in it (kubernetes#77086).
func (p *person) finalizeNamespace(ctx context.Context, client *clientv3.Client) error {
	for _, one := range p.cluster.records {
		switch path.Base(one.key) {
		case "default", "kube-system":
			continue
		}
		if strings.HasPrefix(one.key, "/registry/namespaces/") && !one.retired {
			return p.retire(ctx, client, one)
		}
	}
	return nil
}

// keepOldBootstrap leaves the row of an empty token, as old releases sealed it (k3s#4640), and one of another token.
func (p *person) keepOldBootstrap(ctx context.Context, client *clientv3.Client) error {
	const salt, nonce = "0123456789abcdef", "twelve bytes"
	key, err := pbkdf2.Key(sha1.New, "", []byte(salt), 4096, 32)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	sealed := base64.StdEncoding.EncodeToString(gcm.Seal([]byte(nonce), []byte(nonce), []byte("{}"), nil))
	if err := p.put(ctx, client, "/bootstrap/e3b0c44298fc", []byte(salt+":"+sealed)); err != nil {
		return err
	}
	return p.put(ctx, client, "/bootstrap/0123456789ab", []byte(salt+":"+sealed))
}

// deleteHistory shrinks the file as people do (kine#213).
func (p *person) deleteHistory(context.Context, *clientv3.Client) error {
	return p.sql("DELETE FROM kine WHERE id NOT IN (SELECT max(id) FROM kine GROUP BY name)")
}

func (p *person) deleteEvents(context.Context, *clientv3.Client) error {
	return p.sql("DELETE FROM kine WHERE name LIKE '/registry/events/%'")
}

func (p *person) sql(statement string) error {
	output, err := exec.Command("sqlite3", "-batch", "-bail", p.database, ".timeout 30000", statement).CombinedOutput()
	if err != nil {
		return fmt.Errorf("sqlite3: %w: %s", err, output)
	}
	return nil
}

func (p *person) put(ctx context.Context, client *clientv3.Client, key string, value []byte) error {
	_, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, string(value))).Commit()
	return err
}

// retire deletes what no worker makes anew.
func (p *person) retire(ctx context.Context, client *clientv3.Client, one *record) error {
	one.retired = true
	if err := p.cluster.look(ctx, client, one); err != nil || one.revision == 0 {
		return err
	}
	return p.cluster.remove(ctx, client, one)
}
