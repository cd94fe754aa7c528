package pumpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"manifold/models/vocab"
	"manifold/pumpapi"
)

// oddObjects are documents as some server or client has written them, with what
// is made of each when it is shown again.
var oddObjects = []struct{ name, in, out string }{
	{"nothing", `{}`, `{}`},
	{"plain", `{"id":"x","objectType":"note","content":"<b>c</b>","displayName":"d"}`, `{"id":"x","objectType":"note","displayName":"d","content":"<b>c</b>"}`},
	{"members that nobody knows", `{"foo":{"a":[1,{"b":null}]},"license":"by-sa"}`, `{"foo":{"a":[1,{"b":null}]},"license":"by-sa"}`},
	{"members with full names", `{"http://x.example/ns#a":1,"dc:title":"t"}`, `{"dc:title":"t","http://x.example/ns#a":1}`},
	{"null", `{"displayName":null,"image":null,"tags":null,"links":null,"published":null,"author":null,"inReplyTo":null,"foo":null}`, `{"foo":null}`},
	{"empty", `{"displayName":"","content":"","tags":[],"attachments":[],"links":{},"objectTypes":[]}`, `{}`},
	{"private members of servers", `{"_uuid":"x","_slug":1,"author":{"id":"a","_user":true},"image":{"url":"u","_x":1},"links":{"self":{"href":"h","_y":1}}}`,
		`{"image":{"url":"u"},"author":{"id":"a"},"links":{"self":{"href":"h"}}}`},
	{"what somebody saw", `{"id":"x","liked":true,"pump_io":{"shared":true,"followed":false,"proxyURL":"p"},"likes":{"url":"l","totalItems":7,"items":[{"id":"a"}],"pump_io":{"proxyURL":"p"}}}`,
		`{"id":"x","likes":{"url":"l","totalItems":7}}`},
	{"the picture of a person behind the one shown", `{"objectType":"person","image":{"url":"s"},"pump_io":{"fullImage":{"url":"f","width":9},"followed":true}}`,
		`{"objectType":"person","image":{"url":"s"},"pump_io":{"fullImage":{"url":"f","width":9}}}`},
	{"pump_io as text", `{"pump_io":"x"}`, `{}`},
	{"content as a number", `{"content":5,"summary":-1.50}`, `{"content":"5","summary":"-1.50"}`},
	{"content as a boolean", `{"content":true,"summary":false}`, `{"content":"true","summary":"false"}`},
	{"an object by its id", `{"author":"acct:a@b.example","location":"here","inReplyTo":"https://x.example/1"}`,
		`{"location":{"id":"here"},"author":{"id":"acct:a@b.example"},"inReplyTo":{"id":"https://x.example/1"}}`},
	{"several parents", `{"inReplyTo":[{"id":"a"},"b",null]}`, `{"inReplyTo":[{"id":"a"},{"id":"b"}]}`},
	{"one parent in a list", `{"inReplyTo":[{"id":"a"}]}`, `{"inReplyTo":{"id":"a"}}`},
	{"one tag for a list", `{"tags":{"objectType":"hashtag","displayName":"x"}}`, `{"tags":[{"objectType":"hashtag","displayName":"x"}]}`},
	{"tags by id", `{"tags":["a",null,{"id":"b","foo":1}]}`, `{"tags":[{"id":"a"},{"id":"b","foo":1}]}`},
	{"links as a list", `{"links":[{"rel":"self","href":"h"},{"rel":"alternate","href":"i","type":"text/html","hreflang":"de"},{"href":"no rel"},5]}`,
		`{"links":{"alternate":{"href":"i","type":"text/html","hreflang":"de"},"self":{"href":"h"}}}`},
	{"links as strings", `{"links":{"next":"http://x.example/n","prev":{"href":"p"},"odd":7,"none":null}}`, `{"links":{"next":{"href":"http://x.example/n"},"prev":{"href":"p"}}}`},
	{"the links of a proxy", `{"links":{"self":{"href":"h","pump_io":{"proxyURL":"p"},"foo":1}}}`, `{"links":{"self":{"href":"h","foo":1}}}`},
	{"a list with numbers for keys", `{"upstreamDuplicates":{"1":"b","0":"a"},"downstreamDuplicates":"c","objectTypes":{"0":"person"}}`,
		`{"objectTypes":["person"],"upstreamDuplicates":["a","b"],"downstreamDuplicates":["c"]}`},
	{"a picture without an address", `{"image":"","fullImage":{},"stream":{"url":""}}`, `{}`},
	{"a picture by its address", `{"image":"http://x.example/i.png"}`, `{"image":{"url":"http://x.example/i.png"}}`},
	{"a picture without one", `{"image":{"width":1}}`, `{}`},
	{"sizes as strings", `{"image":{"url":"u","width":"250","height":"3"},"stream":{"url":"s","duration":"1.5"}}`, `{"image":{"url":"u","width":250,"height":3},"stream":{"url":"s","duration":1.5}}`},
	{"what else a picture says", `{"image":{"url":"u","mediaType":"image/png","alt":"a","pump_io":{"proxyURL":"p"}},"stream":{"url":"s","codec":{"x":1}}}`,
		`{"image":{"url":"u","mediaType":"image/png","alt":"a"},"stream":{"url":"s","codec":{"x":1}}}`},
	{"files", `{"objectType":"file","fileUrl":"http://x.example/f","mimeType":"text/x","embedCode":"<b>e</b>"}`,
		`{"objectType":"file","fileUrl":"http://x.example/f","mimeType":"text/x","embedCode":"<b>e</b>"}`},
	{"times", `{"published":"2013-12-22T06:27:13Z","updated":"2013-12-22T07:27:13.123+01:00","deleted":"2013-12-24T16:58:22","startTime":"2013-12-24","endTime":"2013-12-24 10:00:00"}`,
		`{"published":"2013-12-22T06:27:13Z","updated":"2013-12-22T06:27:13Z","deleted":"2013-12-24T16:58:22Z","startTime":"2013-12-24T00:00:00Z","endTime":"2013-12-24T10:00:00Z"}`},
	{"times without seconds", `{"published":"2013-12-22T06:27Z","updated":"2013-12-22T06:27+01:00"}`, `{"published":"2013-12-22T06:27:00Z","updated":"2013-12-22T05:27:00Z"}`},
	{"no times", `{"published":"yesterday","updated":"0000-00-00T00:00:00Z","deleted":"2013-02-31T00:00:00Z","startTime":"0001-01-01T00:00+01:00"}`, `{}`},
	{"a long name of the type", `{"objectType":"http://activitystrea.ms/schema/1.0/article"}`, `{"objectType":"article"}`},
	{"another namespace", `{"objectType":"http://schema.example/type/island"}`, `{"objectType":"http://schema.example/type/island"}`},
	{"a member that is one of ours in full", `{"id":"x","http://activitystrea.ms/specs/json/1.0/#id":"y"}`, `{"id":"x"}`},
	{"names in another case", `{"ID":"x","ObjectType":"note","Likes":{"url":"l"}}`, `{"ID":"x","Likes":{"url":"l"},"ObjectType":"note"}`},
	{"huge numbers of their own", `{"foo":1e400,"bar":123456789012345678901234567890}`, `{"bar":123456789012345678901234567890,"foo":1e400}`},
	{"half a surrogate", `{"displayName":"a\ud800b","foo":"\ud800"}`, `{"displayName":"a` + "\ufffd" + `b","foo":"\ud800"}`},
	{"escapes", `{"displayName":"\u0000\"\\\/\b\u2028<>&\u007f"}`, `{"displayName":"\u0000\"\\/\u0008\u2028<>&\u007f"}`},
	{"feeds of persons", `{"objectType":"person","followers":{"url":"f","totalItems":72},"following":{"url":"g","totalItems":"x"},"favorites":{"displayName":"no url"},"lists":[]}`,
		`{"objectType":"person","followers":{"url":"f","totalItems":72},"following":{"url":"g"}}`},
	{"attachments", `{"attachments":[{"objectType":"image","id":"i","image":{"url":"u"},"foo":1}]}`, `{"attachments":[{"id":"i","objectType":"image","image":{"url":"u"},"foo":1}]}`},
	{"what has a meaning in HTML", `{"displayName":"<&>","foo":"<&>\u2028"}`, `{"displayName":"<&>","foo":"<&>\u2028"}`},
	{"blanks between", " {\n\t\"id\" : \"x\" , \"foo\" : [ 1 , 2 ] } \r\n", `{"id":"x","foo":[1,2]}`},
}

func TestDecodeOddObjects(t *testing.T) {
	t.Parallel()
	for _, tt := range oddObjects {
		t.Run(tt.name, func(t *testing.T) {
			o, err := pumpapi.DecodeObject([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if got := canonical(t, pumpapi.EncodeObject(o)); got != canonical(t, []byte(tt.out)) {
				t.Errorf("it becomes\n%s, want\n%s", got, tt.out)
			}
			// The same holds wherever an object can stand.
			for _, place := range []string{`{"author":%}`, `{"location":%}`, `{"inReplyTo":%}`, `{"attachments":[%]}`, `{"tags":[%]}`} {
				nested, err := pumpapi.DecodeObject([]byte(strings.Replace(place, "%", tt.in, 1)))
				if err != nil {
					t.Fatalf("in %s: %v", place, err)
				}
				if got, want := canonical(t, pumpapi.EncodeObject(nested)), canonical(t, []byte(strings.Replace(place, "%", tt.out, 1))); got != want {
					t.Errorf("in another it becomes\n%s, want\n%s", got, want)
				}
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"author":`, 60) + `{}` + strings.Repeat(`}`, 60)
	tests := []struct{ name, in, where, problem string }{
		{"no text", "{\"id\":\"\xff\"}", "", "not UTF-8"},
		{"nothing", ``, "", "empty"},
		{"a string", `"x"`, "", "must be an object"},
		{"a list", `[]`, "", "must be an object"},
		{"null", `null`, "", "must be an object"},
		{"not JSON", `{"id":x}`, "", "not JSON"},
		{"cut off", `{"id":"x"`, "", "not JSON"},
		{"a comma too many", `{"id":"x",}`, "", "not JSON"},
		{"two documents", `{} {}`, "", "more after the end"},
		{"the same member twice", `{"id":"a","id":"b"}`, "id", "stands twice"},
		{"twice inside", `{"foo":[{"bar":1,"bar":2}]}`, "bar", "stands twice"},
		{"twice by an escape", `{"id":"a","\u0069d":"b"}`, "id", "stands twice"},
		{"too deep", deep, "", "nested deeper than 48"},
		{"too deep in what is not read", `{"foo":` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}`, "", "nested deeper"},
		{"too large", `{"content":"` + strings.Repeat("x", pumpapi.MaxDocument) + `"}`, "", "at most 1048576"},
		{"a name that is no text", `{"displayName":{}}`, "displayName", "must be a string"},
		{"a name that is a number", `{"displayName":5}`, "displayName", "must be a string"},
		{"content that is an object", `{"content":{}}`, "content", "must be a string"},
		{"content that is a list", `{"content":[]}`, "content", "must be a string"},
		{"a time that is a number", `{"published":1387693633}`, "published", "must be a string"},
		{"an id that is a number", `{"id":5}`, "id", "must be a string"},
		{"a url that is a list", `{"url":["x"]}`, "url", "must be a string"},
		{"an author that is a number", `{"author":5}`, "author", "must be an object"},
		{"an author that is a list", `{"author":[]}`, "author", "must be an object"},
		{"a parent that is a number", `{"inReplyTo":5}`, "inReplyTo", "must be an object"},
		{"attachments that are an object", `{"attachments":{"id":"x"}}`, "attachments", "must be a list"},
		{"an attachment that is a number", `{"attachments":[{"id":"x"},5]}`, "attachments[1]", "must be an object"},
		{"deep inside", `{"author":{"tags":[{"image":{"url":5}}]}}`, "author.tags[0].image.url", "must be a string"},
		{"a picture that is a list", `{"image":[]}`, "image", "must be an object"},
		{"a size that is no number", `{"image":{"url":"u","width":"wide"}}`, "image.width", "must be a number"},
		{"a size that is an object", `{"image":{"url":"u","width":{}}}`, "image.width", "must be a number"},
		{"a huge size", `{"image":{"url":"u","width":1e10}}`, "image.width", "must be a number"},
		{"a size beyond all", `{"stream":{"url":"u","duration":1e400}}`, "stream.duration", "must be a number"},
		{"not a number", `{"stream":{"url":"u","duration":"NaN"}}`, "stream.duration", "must be a number"},
		{"duplicates with other keys", `{"upstreamDuplicates":{"0":"a","2":"b"}}`, "upstreamDuplicates", "must be a list of strings"},
		{"duplicates that are numbers", `{"upstreamDuplicates":[5]}`, "upstreamDuplicates", "must be a list of strings"},
		{"links that are text", `{"links":"x"}`, "links", "must be an object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := pumpapi.DecodeObject([]byte(tt.in))
			var e *pumpapi.DocumentError
			if !errors.As(err, &e) || e.Where != tt.where || !strings.Contains(e.Problem, tt.problem) {
				t.Errorf("the error is %v", err)
			}
			// An activity with it is refused for the same reason.
			if strings.HasPrefix(tt.in, "{") && !strings.HasPrefix(tt.in, "{} ") && len(tt.in) < 1000 {
				if _, err := pumpapi.DecodeActivity([]byte(`{"object":` + tt.in + `}`)); !errors.As(err, &e) || !strings.Contains(e.Problem, tt.problem) {
					t.Errorf("as the object of an activity: %v", err)
				}
			}
		})
	}
}

// canonical is JSON with its members in one order and its numbers as they are.
func canonical(t *testing.T, data []byte) string {
	t.Helper()
	checkEncoded(t, data)
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// shown is an activity as its actor sees it.
func shown(t *testing.T, a *vocab.Activity) []byte {
	t.Helper()
	b, err := pumpapi.EncodeActivity(&url.URL{Scheme: "https", Host: "pump.example"}, a)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeOddActivities(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, out string }{
		{"people by their ids", `{"verb":"post","actor":"acct:tim@w3.example","object":"https://x.example/1","target":"https://x.example/2"}`,
			`"verb":"post","actor":{"id":"acct:tim@w3.example"},"object":{"id":"https://x.example/1"},"target":{"id":"https://x.example/2"}`},
		{"no verb", `{"object":{"id":"x"}}`, `"verb":"post","actor":{},"object":{"id":"x"}`},
		{"a verb in full", `{"verb":"http://activitystrea.ms/schema/1.0/share","object":{"id":"x"}}`, `"verb":"share","actor":{},"object":{"id":"x"}`},
		{"addressees of all kinds", `{"to":["@public",{"objectType":"person","id":"a"},null,"as:Public"],"cc":[],"bto":null,"bcc":["b"]}`,
			`"verb":"post","actor":{},"to":[{"id":"` + publicID + `","objectType":"collection"},{"id":"a","objectType":"person"},{"id":"` + publicID +
				`","objectType":"collection"}],"bcc":[{"id":"b"}]`},
		{"an activity as the object", `{"verb":"unshare","object":{"id":"s","verb":"share","actor":{"id":"a"},"object":{"id":"o","content":"c","foo":1},"bar":2}}`,
			`"verb":"unshare","actor":{},"object":{"id":"s","objectType":"activity","verb":"share","actor":{"id":"a"},"object":{"id":"o","content":"c","foo":1},"bar":2}`},
		{"everything around", `{"verb":"v","title":"t","content":"c","url":"u","location":{"displayName":"l"},"context":{"id":"x"},"source":{"id":"s"},"result":{"id":"r"},` +
			`"generator":{"displayName":"g"},"provider":{"displayName":"p"},"foo":{"bar":1}}`,
			`"verb":"v","actor":{},"result":{"id":"r"},"location":{"displayName":"l"},"context":{"id":"x"},"source":{"id":"s"},"generator":{"displayName":"g"},` +
				`"provider":{"displayName":"p"},"title":"t","content":"c","url":"u","foo":{"bar":1}`},
		{"what is said again when it is shown", `{"verb":"v","objectType":"activity","likes":{},"replies":{},"shares":{},"liked":true,"pump_io":{}}`, `"verb":"v","actor":{}`},
		{"a verb in another case", `{"verb":"v","object":{"id":"o","VERB":"x"}}`, `"verb":"v","actor":{},"object":{"id":"o","VERB":"x"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := pumpapi.DecodeActivity([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			// The server adds what it is and where.
			want := `{"objectType":"activity","links":{"self":{}},` + tt.out + `}`
			if got := canonical(t, shown(t, a)); got != canonical(t, []byte(want)) {
				t.Errorf("it becomes\n%s, want\n%s", got, want)
			}
		})
	}
}

// FuzzDecodeObject: whatever is read can be shown, names each member once, and is
// read as the same again.
func FuzzDecodeObject(f *testing.F) {
	for _, o := range oddObjects {
		f.Add([]byte(o.in))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := pumpapi.DecodeObject(data)
		if err != nil {
			checkError(t, err)
			return
		}
		once := pumpapi.EncodeObject(o)
		checkEncoded(t, once)
		again, err := pumpapi.DecodeObject(once)
		if err != nil {
			t.Fatalf("what was shown cannot be read: %v: %s", err, once)
		}
		if twice := pumpapi.EncodeObject(again); !bytes.Equal(once, twice) {
			t.Fatalf("first\n%s\nthen\n%s", once, twice)
		}
		var stored bytes.Buffer
		store := json.NewEncoder(&stored)
		store.SetEscapeHTML(false) // or the bytes of raw members change
		if err := store.Encode(o); err != nil {
			t.Fatal(err)
		}
		back := new(vocab.Object)
		if err := json.Unmarshal(stored.Bytes(), back); err != nil {
			t.Fatal(err)
		}
		if got := pumpapi.EncodeObject(back); !bytes.Equal(got, once) {
			t.Fatalf("before it is stored\n%s\nand after\n%s", once, got)
		}
	})
}

// FuzzDecodeActivity is FuzzDecodeObject for activities.
func FuzzDecodeActivity(f *testing.F) {
	f.Add([]byte(`{"verb":"post","actor":"acct:tim@w3.example","object":{"objectType":"note","content":5},"to":["@public",{"id":"x"}],"foo":1}`))
	f.Add([]byte(`{"id":"s","object":{"verb":"share","id":"i","actor":{"id":"a"},"object":{"verb":"post","object":{}}},"links":[{"rel":"self","href":"h"}]}`))
	f.Add([]byte(`{"target":{"id":"t"},"context":{},"result":"r","source":{"links":{"a":"b"}},"title":"t","url":"u","deleted":"2013-12-24"}`))
	for _, o := range oddObjects {
		f.Add([]byte(`{"object":` + o.in + `,"bcc":[` + o.in + `]}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := pumpapi.DecodeActivity(data)
		if err != nil {
			checkError(t, err)
			return
		}
		once := shown(t, a)
		checkEncoded(t, once)
		again, err := pumpapi.DecodeActivity(once)
		if err != nil {
			t.Fatalf("what was shown cannot be read: %v: %s", err, once)
		}
		if twice := shown(t, again); !bytes.Equal(once, twice) {
			t.Fatalf("first\n%s\nthen\n%s", once, twice)
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var e *pumpapi.DocumentError
	if !errors.As(err, &e) || e.Problem == "" {
		t.Fatalf("the error is %v", err)
	}
}

// checkEncoded makes sure that JSON is valid and names each member once.
func checkEncoded(t *testing.T, data []byte) {
	t.Helper()
	if !utf8.Valid(data) {
		t.Fatalf("not UTF-8: %q", data)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := eachOnce(d); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("more after the end: %s", data)
	}
}

func eachOnce(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	var names []string
	for d.More() {
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			if slices.Contains(names, name.(string)) {
				return errors.New("twice: " + name.(string))
			}
			names = append(names, name.(string))
		}
		if err := eachOnce(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// FuzzAppendString: a string means the same as the one that encoding/json writes.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "é\u2028\u2029\U0001f600", "a\xffb\xc0\xafc\xed\xa0\x80", "<script>&amp;", "\ufffd", "\xe2\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := pumpapi.AppendString([]byte("x"), s)
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var a, b string
		if err := json.Unmarshal(want, &b); err != nil {
			t.Fatal(err)
		}
		if got[0] != 'x' {
			t.Fatal("what stood there is gone")
		}
		if err := json.Unmarshal(got[1:], &a); err != nil || a != b {
			t.Fatalf("%q becomes %s, which is %q: %v; want %q", s, got[1:], a, err, b)
		}
		if bytes.ContainsAny(got[1:], "\u2028\u2029\x7f") || bytes.ContainsFunc(got[1:], func(r rune) bool { return r < ' ' }) {
			t.Fatalf("%q has what JavaScript of old does not take", got[1:])
		}
	})
}

// TestNumbersOfMedia: what is read fits where it is kept.
func TestNumbersOfMedia(t *testing.T) {
	t.Parallel()
	o, err := pumpapi.DecodeObject([]byte(`{"image":{"url":"u","width":2147483648,"height":-2147483648},"stream":{"url":"u","duration":0.1}}`))
	if err != nil {
		t.Fatal(err)
	}
	if o.Image.Width != math.MaxInt32+1 || o.Image.Height != math.MinInt32 || o.Stream.Duration != 0.1 {
		t.Errorf("%+v %+v", o.Image, o.Stream)
	}
}
