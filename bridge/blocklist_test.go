package bridge_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/models"
)

func TestReadBlockList(t *testing.T) {
	const heading = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\n"
	for _, tt := range []struct {
		name, list string
		want       []models.HostPolicy
		refusal    string
	}{
		{name: "as Mastodon exports it", list: heading + "bad.example,suspend,False,True,\"spam, mostly\",False\nmeh.example,silence,true,false,,true\nok.example,noop,TRUE,,,\n",
			want: []models.HostPolicy{
				{Domain: "bad.example", Severity: models.SeverityBlock, RejectReports: true, PublicComment: "spam, mostly"},
				{Domain: "meh.example", Severity: models.SeverityLimit, RejectMedia: true, Obfuscate: true},
				{Domain: "ok.example", RejectMedia: true},
			}},
		{name: "names only", list: "\ufeffBad.Example\n*.worse.example\n", want: []models.HostPolicy{
			{Domain: "bad.example", Severity: models.SeverityBlock}, {Domain: "worse.example", Severity: models.SeverityBlock}}},
		{name: "columns in another order", list: "severity,domain,unknown\nlimit,a.example,x\n", want: []models.HostPolicy{{Domain: "a.example", Severity: models.SeverityLimit}}},
		{name: "letters of all the world", list: "bücher.example\n", want: []models.HostPolicy{{Domain: "xn--bcher-kva.example", Severity: models.SeverityBlock}}},
		{name: "nothing", list: ""},
		{name: "a severity that is none", list: heading + "a.example,hang,,,,\n", refusal: `Line 2: "hang" is no severity: it may be suspend, silence or noop`},
		{name: "neither true nor false", list: heading + "a.example,suspend,maybe\n", refusal: `Line 2: "maybe" is neither true nor false`},
		{name: "twice", list: "a.example\nA.example.\n", refusal: "Line 2: a.example stands in the list twice."},
		{name: "no name", list: heading + ",suspend\n", refusal: `Line 2: "" is no name of a server: write it like example.org, without https:// and without a path.`},
		{name: "a line within a name", list: "a.example\n\"0\r.\"\n", refusal: `Line 2: "0\r." is no name of a server: write it like example.org, without https:// and without a path.`},
		{name: "no CSV", list: "a.example,\"x\ny", refusal: `The list is no CSV: record on line 1; parse error on line 2, column 2: extraneous or missing " in quoted-field.`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := bridge.ReadBlockList(strings.NewReader(tt.list))
			if tt.refusal != "" {
				if bridge.ReasonOf(err) != bridge.Invalid || err.Error() != tt.refusal {
					t.Errorf("refused with %q, want %q", err, tt.refusal)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("read %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

// What was written is read again as it was, but for what only the admins know.
func FuzzReadBlockList(f *testing.F) {
	f.Add("#domain,#severity\nbad.example,suspend\n")
	f.Add("..\n")
	f.Add("0\r.")
	f.Add("domain,public_comment\na.example,\"x\"\"y\"\n")
	f.Fuzz(func(t *testing.T, list string) {
		read, err := bridge.ReadBlockList(strings.NewReader(list))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := bridge.WriteBlockList(&b, read); err != nil {
			t.Fatal(err)
		}
		again, err := bridge.ReadBlockList(&b)
		if err != nil {
			t.Fatalf("%q was written as %q, which is refused: %v", list, b.String(), err)
		}
		for i := range read {
			read[i].PrivateComment = ""
		}
		if len(read) != len(again) || len(read) > 0 && !reflect.DeepEqual(read, again) {
			t.Errorf("%+v was read again as %+v", read, again)
		}
	})
}
