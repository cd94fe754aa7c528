package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary play the bare server, as the program does.
func TestMain(m *testing.M) {
	if size := os.Getenv(bareEnv); size != "" {
		serveBare(size)
		return
	}
	os.Exit(m.Run())
}

// TestRun measures very little, but everything: that the stores can be filled
// with what the program makes of them, that all requests are answered as
// expected, that all figures are there.
func TestRun(t *testing.T) {
	program := filepath.Join(t.TempDir(), "manifold")
	if err := build(t.Context(), program); err != nil {
		t.Fatal(err)
	}
	figures := []string{
		"start to first answer, median of 5", "memory, idle", "size of the database", "read inbox, 50 people", "read inbox, 1000 people",
		"post a note, no followers", "post a note, 10 followers", "post into 10000 inboxes, median of 5",
		"memory of a realtime connection, 200 idle", "post to frame, 10 of them follow", "post to frame, all of them follow",
	}
	limits := []string{"limit: bare HTTP, answers of that size", "limit: RSA-2048 signatures", "limit: writes of 4 KiB forced to disk"}
	federation := []string{
		"deliveries to 40 inboxes of one host", "deliveries to 40 inboxes of one host, of the signatures", "deliveries to 40 hosts", "deliveries to 40 hosts, of the signatures",
		"deliveries for 40 followers with a shared inbox", "signed deliveries of known authors, answered", "signed deliveries of known authors, in the inbox",
		"40 subscribers of one feed, signed deliveries", "40 subscribers of one feed, renderings of a post",
	}
	comparisons := []string{"read inbox, 50 people, slower than with 4000", "post a note, no followers, slower than with 4000"}
	for _, tt := range []struct {
		database, stored string
		want             map[int][]string
	}{
		{"sqlite", "4000,8000", map[int][]string{4000: slices.Concat(figures, limits, federation), 8000: slices.Concat(figures, comparisons)}},
		{"postgres", "4000", map[int][]string{4000: slices.Concat(figures, limits, federation)}},
	} {
		t.Run(tt.database, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "figures.json")
			var table strings.Builder
			err := run(t.Context(), []string{"-program", program, "-seconds", "0.2", "-only", tt.database, "-stored", tt.stored, "-connections", "200", "-inboxes", "40", "-json", file}, &table)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var r report
			if err := json.Unmarshal(text, &r); err != nil {
				t.Fatal(err)
			}
			for stored, all := range tt.want {
				for _, what := range all {
					// A frame may be there before the answer to the post.
					early := strings.HasPrefix(what, "post to frame")
					if v, ok := r.value(tt.database, stored, what); !ok || v < 0 || v == 0 && !early {
						t.Errorf("%d stored, %s: %v", stored, what, v)
					}
					if !strings.Contains(table.String(), what) {
						t.Errorf("the table lacks %q:\n%s", what, table.String())
					}
				}
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, args := range []string{"-only mysql", "-stored 10", "-stored 4500", "-stored x", "-seconds 0", "-seconds 600", "-connections 5", "-connections 20000", "-inboxes -1", "-part reads", "everything"} {
		if _, err := parse(strings.Fields(args)); err == nil {
			t.Errorf("%s is taken", args)
		}
	}
}

func TestPercentile(t *testing.T) {
	o := &outcome{}
	for i := range 1000 {
		o.latencies = append(o.latencies, time.Duration(i))
	}
	for p, want := range map[float64]time.Duration{0: 0, 50: 500, 99: 990, 100: 999} {
		if got := o.percentile(p); got != want {
			t.Errorf("the percentile %v of 0 to 999 is %d, want %d", p, got, want)
		}
	}
}
