package vocab

import (
	"encoding/json"
	"maps"
	"slices"
)

// Merge returns o changed by what patch gives: fields that patch sets replace
// those of o, fields that patch names in Cleared become empty, and all others
// stay. Which thing it is, its type, its author, its parent and the time of its
// publication never change.
//
// This is how an update works on the pump.io network; a network whose updates
// carry the whole thing replaces it instead.
func (o *Object) Merge(patch *Object) *Object {
	m := o.Clone()
	gone := func(name string) bool { return slices.Contains(patch.Cleared, name) }

	mergeField(&m.DisplayName, patch.DisplayName, gone("displayName"))
	mergeField(&m.Content, patch.Content, gone("content"))
	mergeField(&m.Summary, patch.Summary, gone("summary"))
	mergeField(&m.URL, patch.URL, gone("url"))
	mergeField(&m.PreferredUsername, patch.PreferredUsername, false)
	mergeField(&m.Location, patch.Location, gone("location"))
	mergeField(&m.Image, patch.Image, gone("image"))
	mergeField(&m.FullImage, patch.FullImage, gone("fullImage"))
	mergeField(&m.Stream, patch.Stream, gone("stream"))
	mergeField(&m.FileURL, patch.FileURL, gone("fileUrl"))
	mergeField(&m.MimeType, patch.MimeType, gone("mimeType"))
	mergeField(&m.EmbedCode, patch.EmbedCode, gone("embedCode"))
	mergeField(&m.StartTime, patch.StartTime, gone("startTime"))
	mergeField(&m.EndTime, patch.EndTime, gone("endTime"))
	mergeList(&m.Attachments, patch.Attachments, gone("attachments"))
	mergeList(&m.Tags, patch.Tags, gone("tags"))
	mergeList(&m.ObjectTypes, patch.ObjectTypes, false)
	mergeList(&m.UpstreamDuplicates, patch.UpstreamDuplicates, false)
	mergeList(&m.DownstreamDuplicates, patch.DownstreamDuplicates, false)

	for name, link := range patch.Links {
		if m.Links == nil {
			m.Links = map[string]Link{}
		}
		m.Links[name] = link
	}
	m.Extra = MergeExtra(m.Extra, patch.Extra)
	for _, name := range patch.Cleared {
		delete(m.Extra, name)
	}
	return m
}

// MergeExtra returns the members of both maps; where both have one, patch's.
func MergeExtra(old, patch map[string]json.RawMessage) map[string]json.RawMessage {
	if len(patch) == 0 {
		return old
	}
	m := make(map[string]json.RawMessage, len(old)+len(patch))
	maps.Copy(m, old)
	maps.Copy(m, patch)
	return m
}

func mergeField[T comparable](field *T, value T, cleared bool) {
	var zero T
	if value != zero || cleared {
		*field = value
	}
}

func mergeList[T any](field *[]T, value []T, cleared bool) {
	if len(value) > 0 || cleared {
		*field = value
	}
}
