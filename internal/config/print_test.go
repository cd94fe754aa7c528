package config

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestPrintText(t *testing.T) {
	c := mustLoad(t, []string{"--web=off", "--listen=:9000"}, []string{"MANIFOLD_DATABASE=postgres://m:hunter2@db/m"},
		"site_name = 'say \"x\"'\ncache_size = 5")
	var out strings.Builder
	if err := c.Print(&out, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^url = "http://localhost:9000" +# derived from listen$`,
		`(?m)^listen = ":9000" +# flag --listen$`,
		`(?m)^database = "postgres://m:\[masked\]@db/m" +# environment MANIFOLD_DATABASE$`,
		`(?m)^site_name = "say \\"x\\"" +# ` + regexp.QuoteMeta(c.File) + `:1$`,
		`(?m)^cache_size = "5" +# .*:2$`,
		`(?m)^networks = \["pump", "activitypub", "ostatus"\] +# default$`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("%s does not match:\n%s", want, out.String())
		}
	}
	// What is printed is a file; only the password is gone.
	again, err := load(t, nil, nil, strings.ReplaceAll(out.String(), masked, "hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k.literal(again) != k.literal(c) {
			t.Errorf("%s is read back as %s, was %s", k.name, k.literal(again), k.literal(c))
		}
	}
}

func TestPrintJSON(t *testing.T) {
	c := mustLoad(t, []string{"--web=off"}, []string{"MANIFOLD_DATABASE=postgres://m:hunter2@db/m"}, "max_upload = 5")
	var out strings.Builder
	if err := c.Print(&out, true); err != nil {
		t.Fatal(err)
	}
	var got map[string]struct {
		Value  any
		Source string
		Name   string
		Line   int
	}
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(keys) {
		t.Errorf("%d keys printed of %d", len(got), len(keys))
	}
	if e := got["web"]; e.Value != false || e.Source != "flag" || e.Name != "--web" {
		t.Errorf("web is %+v", e)
	}
	if e := got["max_upload"]; e.Value != 5.0 || e.Source != "file" || e.Name != c.File || e.Line != 1 {
		t.Errorf("max_upload is %+v", e)
	}
	if e := got["database"]; e.Value != "postgres://m:[masked]@db/m" || e.Source != "env" {
		t.Errorf("database is %+v", e)
	}
	if e := got["tls"]; e.Value != "off" || e.Source != "default" {
		t.Errorf("tls is %+v", e)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestPrintReportsWriteErrors(t *testing.T) {
	c := mustLoad(t, nil, nil, "")
	for _, asJSON := range []bool{false, true} {
		if err := c.Print(brokenWriter{}, asJSON); !errors.Is(err, errBroken) {
			t.Errorf("json %v: error is %v", asJSON, err)
		}
	}
}

const documentation = "../../docs/configuration.md"

// TestDocumentation holds docs/configuration.md to the table: a section for each
// key and none besides, with its default, variable and flag, and examples that load.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, part := range strings.Split(string(text), "\n### `")[1:] {
		name, body, _ := strings.Cut(part, "`\n")
		if _, ok := lookup(name); !ok {
			t.Errorf("there is a section about %s, but no such key", name)
		}
		body, _, _ = strings.Cut(body, "\n## ")
		sections[name] = body
	}
	example := regexp.MustCompile("(?m)^- Example: `(.+)`$")
	for _, k := range keys {
		body := sections[k.name]
		fallback := "none"
		if k.fallback != "" {
			fallback = "`" + k.fallback + "`"
		}
		for _, want := range []string{
			"\n- Allowed: ", "\n- Default: " + fallback, "\n- Environment: `" + k.env() + "`\n", "\n- Flag: `--" + k.flag() + "`\n",
		} {
			if !strings.Contains(body, want) {
				t.Errorf("the section of %s lacks %q", k.name, want)
			}
		}
		line := example.FindStringSubmatch(body)
		if line == nil {
			t.Errorf("the section of %s lacks an example", k.name)
			continue
		}
		settings, err := parseFile("example", []byte(line[1]))
		if err != nil {
			t.Errorf("the example of %s: %v", k.name, err)
		} else if err := k.apply(new(Config), settings[k.name]); err != nil {
			t.Errorf("the example of %s: %v", k.name, err)
		}
	}
}

func TestDocumentedFileLoads(t *testing.T) {
	text, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	_, sample, found := strings.Cut(string(text), "```toml\n")
	sample, _, closed := strings.Cut(sample, "```")
	if !found || !closed {
		t.Fatal("there is no sample file")
	}
	c := mustLoad(t, nil, nil, sample)
	if c.URL.String() != "https://social.example" || c.Database.Driver() != Postgres || c.MaxUpload != 40e6 {
		t.Errorf("the sample gives %+v", c)
	}
}
