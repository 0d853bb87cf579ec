package workload

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// content is the source of names and bytes for one namespace: the same seed
// and namespace give the same ones, whatever the order of the writes.
type content struct{ random *rand.Rand }

func newContent(seed uint64, index int) content {
	return content{rand.New(rand.NewPCG(seed, uint64(index)))}
}

// blob is about size bytes that do not compress, as base64 text.
func (c content) blob(size int) []byte {
	raw := make([]byte, size*3/4)
	for at := range raw {
		raw[at] = byte(c.random.UintN(256))
	}
	return []byte(base64.StdEncoding.EncodeToString(raw))
}

// suffix is like the random end of a generated name.
func (c content) suffix(length int) string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789"
	name := make([]byte, length)
	for at := range name {
		name[at] = alphabet[c.random.IntN(len(alphabet))]
	}
	return string(name)
}

// settings is a configuration file of about size bytes, which does compress.
func (c content) settings(size int) string {
	var text strings.Builder
	for number := 0; text.Len() < size; number++ {
		fmt.Fprintf(&text, "service.option-%03d.value = %d\n", number, c.random.IntN(100000))
	}
	return text.String()
}

func (c content) pick(values ...string) string { return values[c.random.IntN(len(values))] }
