package main

import (
	"bytes"
	"encoding/json"

	"google.golang.org/protobuf/encoding/protowire"
)

// edit is what a write changes in the metadata of a value; empty means as it was.
type edit struct {
	name, uid, note string
}

const noteKey = "drill.example/edit"

var envelope = []byte("k8s\x00")

// edited gives the value with the edit made. Values that carry no metadata stay as they are.
func edited(value []byte, change edit) []byte {
	if bytes.HasPrefix(value, []byte("{")) {
		return editedJSON(value, change)
	}
	if !bytes.HasPrefix(value, envelope) {
		return value
	}
	unknown := replaced(value[len(envelope):], 2, func(raw []byte) []byte {
		return replaced(raw, 1, func(metadata []byte) []byte { return editedMetadata(metadata, change) })
	})
	return append(bytes.Clone(envelope), unknown...)
}

func editedMetadata(metadata []byte, change edit) []byte {
	if change.name != "" {
		metadata = replaced(metadata, 1, func([]byte) []byte { return []byte(change.name) })
	}
	if change.uid != "" {
		metadata = replaced(metadata, 5, func([]byte) []byte { return []byte(change.uid) })
	}
	if change.note == "" {
		return metadata
	}
	entry := protowire.AppendTag(nil, 1, protowire.BytesType)
	entry = protowire.AppendString(entry, noteKey)
	entry = protowire.AppendTag(entry, 2, protowire.BytesType)
	entry = protowire.AppendString(entry, change.note)
	return withAnnotation(metadata, entry)
}

// withAnnotation puts an entry where the API server would: fields in order, and a map's entries by their keys.
func withAnnotation(metadata, entry []byte) []byte {
	const annotations = 12
	field := protowire.AppendBytes(protowire.AppendTag(nil, annotations, protowire.BytesType), entry)
	at := 0
	for at < len(metadata) {
		number, kind, head := protowire.ConsumeTag(metadata[at:])
		size := protowire.ConsumeFieldValue(number, kind, metadata[at+max(head, 0):])
		if head < 0 || size < 0 || number > annotations {
			break
		}
		if number == annotations && annotationKey(metadata[at+head:]) > noteKey {
			break
		}
		at += head + size
	}
	result := append(bytes.Clone(metadata[:at]), field...)
	return append(result, metadata[at:]...)
}

func annotationKey(field []byte) string {
	entry, _ := protowire.ConsumeBytes(field)
	_, _, head := protowire.ConsumeTag(entry)
	key, _ := protowire.ConsumeString(entry[max(head, 0):])
	return key
}

// replaced gives a message with the content of its length-delimited fields of a number replaced.
func replaced(message []byte, number protowire.Number, change func([]byte) []byte) []byte {
	var result []byte
	for len(message) > 0 {
		found, kind, head := protowire.ConsumeTag(message)
		if head < 0 {
			return append(result, message...)
		}
		size := protowire.ConsumeFieldValue(found, kind, message[head:])
		if size < 0 {
			return append(result, message...)
		}
		field := message[:head+size]
		message = message[head+size:]
		if found == number && kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(field[head:])
			field = protowire.AppendBytes(protowire.AppendTag(nil, number, kind), change(content))
		}
		result = append(result, field...)
	}
	return result
}

func editedJSON(value []byte, change edit) []byte {
	var document map[string]any
	if json.Unmarshal(value, &document) != nil {
		return value
	}
	if same, err := json.Marshal(document); err != nil || !bytes.Equal(append(same, '\n'), value) {
		return editedTypedJSON(value, document, change)
	}
	metadata, ok := document["metadata"].(map[string]any)
	if !ok {
		return value
	}
	if change.name != "" {
		metadata["name"] = change.name
	}
	if change.uid != "" {
		metadata["uid"] = change.uid
	}
	if change.note != "" {
		annotations, ok := metadata["annotations"].(map[string]any)
		if !ok {
			annotations = map[string]any{}
		}
		annotations[noteKey] = change.note
		metadata["annotations"] = annotations
	}
	result, err := json.Marshal(document)
	if err != nil {
		return value
	}
	return append(result, '\n')
}

// editedTypedJSON gives what stays in the order of its type's fields, with another uid alone.
func editedTypedJSON(value []byte, document map[string]any, change edit) []byte {
	metadata, _ := document["metadata"].(map[string]any)
	uid, _ := metadata["uid"].(string)
	if uid == "" || change.uid == "" {
		return value
	}
	return bytes.ReplaceAll(value, []byte(uid), []byte(change.uid))
}
