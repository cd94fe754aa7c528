package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestFileForms(t *testing.T) {
	c := mustLoad(t, nil, nil, `
web = false
rate_limits = "off"
allow_private_addresses = true
bridge = false
metrics_listen = false
networks = ["ostatus", "pump"]
max_upload = 1_000
cache_size = "1MiB"
trusted_proxies = false
proxy_whitelist = ["a.example", "B.example:8080"]
hsts = 60
url = "https://a.example"
smtp_server = false
`)
	if c.Web || c.RateLimits || !c.AllowPrivateAddresses || c.Bridge != BridgeOff || c.MetricsListen != "" ||
		c.Networks.String() != "pump,ostatus" || c.MaxUpload != 1000 || c.CacheSize != 1<<20 || len(c.TrustedProxies) != 0 ||
		strings.Join(c.ProxyWhitelist, " ") != "a.example b.example:8080" || c.HSTS != "max-age=60" || c.SMTPServer != "" {
		t.Errorf("settings are %+v", c)
	}
}

// TestFileTypes has values of a type that their key does not take.
func TestFileTypes(t *testing.T) {
	for _, line := range []string{
		`listen = 8080`, `site_name = true`, `bridge = true`, `registration = false`, `web = 1`, `max_upload = 1.5`,
		`networks = [1]`, `networks = "pump,x"`, `url = ["http://a"]`, `database = {host = "x"}`, `data_dir = 1979-05-27`,
		`tls = ""`, `hsts = 1.5`, `hsts = true`, `smtp_server = true`, `trusted_proxies = true`, `networks = false`,
	} {
		name, _, _ := strings.Cut(line, " ")
		_, err := load(t, nil, nil, "# first\n"+line)
		var wrong *ValueError
		if !errors.As(err, &wrong) || wrong.Key != name || wrong.Source.Line != 2 || wrong.Source.Kind != FromFile {
			t.Errorf("%s gives %v", line, err)
		}
	}
}

func TestUnknownKeysOfFile(t *testing.T) {
	for _, tt := range []struct {
		file, name, nearest string
		line                int
	}{
		{"listn = 1", "listn", "listen", 1},
		{"\n\nLog-Level = 1", "Log-Level", "log_level", 3},
		{"networks = [\n\"pump\"\n]\n\"da\\u0074abse\" = 1", "databse", "database", 4},
		{"\n[server]\nlisten = \":1\"", "server", "smtp_server", 2},
		{"\n[web.pages]\nx = 1", "web", "", 2},
		{"\nzebra.a.b = 1\nzebra.c = 1", "zebra", "", 2},
		{"[[network]]\nname = \"pump\"", "network", "networks", 1},
		{"email = \"a@b.example\"", "email", "acme_email", 1},
		{"zzzzzzzzzzz = 1", "zzzzzzzzzzz", "", 1},
		{strings.Repeat("k", 500) + " = 1", strings.Repeat("k", 500), "", 1},
	} {
		_, err := load(t, nil, nil, tt.file)
		var unknown *UnknownKeyError
		var wrong *ValueError
		switch {
		case errors.As(err, &unknown):
			if unknown.Name != tt.name || unknown.Nearest != tt.nearest || unknown.Source.Line != tt.line {
				t.Errorf("%q gives %v", tt.file, err)
			}
		case errors.As(err, &wrong) && tt.name == "web":
			if wrong.Source.Line != tt.line {
				t.Errorf("%q gives %v", tt.file, err)
			}
		default:
			t.Errorf("%q gives %v", tt.file, err)
		}
	}
}

func TestUnknownKeysComeInOrder(t *testing.T) {
	_, err := load(t, nil, nil, "zz = 1\nyy = 2\nxx = 3\n")
	text := fmt.Sprint(err)
	z, y, x := strings.Index(text, `"zz"`), strings.Index(text, `"yy"`), strings.Index(text, `"xx"`)
	if z < 0 || y < z || x < y {
		t.Errorf("keys are not in the order of the file:\n%s", text)
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, tt := range []struct {
		file string
		line int
	}{
		{"web", 1},
		{"\nweb = maybe", 2},
		{"web = true\nweb = false", 2},
		{"site_name = \"a\nb\"", 1},
	} {
		_, err := load(t, nil, nil, tt.file)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Line != tt.line {
			t.Errorf("%q gives %v", tt.file, err)
		}
	}
}

// TestSyntaxErrorsShowNoPassword writes passwords as people do who forget quotes.
func TestSyntaxErrorsShowNoPassword(t *testing.T) {
	for _, value := range []string{
		"hunter2", "postgres://u:hunter2@h", "2020-hunter2", "1979-05-27T07:32:99hunter2", "0xhunter2", `"\qhunter2"`,
		"'hunter2\n'", "truehunter2", "1_hunter2",
	} {
		_, err := load(t, nil, nil, "database = "+value)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q gives %v", value, err)
		} else if strings.Contains(err.Error(), "hunt") || strings.Contains(err.Error(), "1979") {
			t.Errorf("%q leaks in %v", value, err)
		}
	}
}

// TestFileLimits has documents on which the parser alone would work for minutes.
func TestFileLimits(t *testing.T) {
	for name, file := range map[string]string{
		"large":  strings.Repeat("# a comment\n", 6000),
		"long":   `site_name = "` + strings.Repeat("x", 2000) + `"`,
		"dotted": strings.Repeat("a.", 30000) + "a = 1",
		"header": "[" + strings.Repeat("a.", 400) + "a]",
		"arrays": "networks = " + strings.Repeat("[\n", 30000),
		"hidden": "x = ['''\n#''', {" + strings.Repeat("a.", 400) + "a = 1}]",
		"tables": "networks = " + strings.Repeat("{a=\n", 16000),
	} {
		_, err := load(t, nil, nil, file)
		var unreadable *FileError
		if !errors.As(err, &unreadable) {
			t.Errorf("%s gives %v", name, err)
		}
	}
	if _, err := load(t, nil, nil, strings.Repeat("# [a] {comment} "+strings.Repeat(".", 1200)+"\n", 50)); err != nil {
		t.Error(err)
	}
}

// TestDeepestFile has as many levels as the limits let through.
func TestDeepestFile(t *testing.T) {
	start := time.Now()
	deepest := strings.Repeat(strings.Repeat("a.", maxLineDots)+"a = {\n", maxBrackets)
	wide := strings.Repeat(".a", maxLineDots)
	for i := 0; len(deepest) < maxFileBytes-200; i++ {
		deepest += fmt.Sprintf("k%d%s = 1,\n", i, wide)
	}
	if _, err := load(t, nil, nil, deepest); err == nil {
		t.Error("an unfinished table is taken")
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

// FuzzFile loads any bytes as a file: it ends, errors are typed, and what is
// accepted prints as a file that gives the same settings.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"", "web = false\nnetworks = [\"pump\"]\nmax_upload = 5\n", "listn = 1", "[a.b]\nc = {d = [1, 2]}", "url = 'http://a.example'",
		"database = 2020-01-01", "site_name = \"\\u00fc\"", "a.b.c.d = 1", "\ufeffweb = true", "web = \"on\" # x\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		settings, err := parseFile("fuzz.toml", data)
		var (
			unreadable *FileError
			syntax     *SyntaxError
			unknown    *UnknownKeyError
		)
		if err != nil && !errors.As(err, &unreadable) && !errors.As(err, &syntax) && !errors.As(err, &unknown) {
			t.Fatalf("untyped error %v", err)
		}
		for name, s := range settings {
			k, ok := lookup(name)
			if !ok || s.source.Line < 1 {
				t.Fatalf("%q from line %d", name, s.source.Line)
			}
			var c, again Config
			if k.apply(&c, s) != nil || k.mask != nil {
				continue
			}
			printed := name + " = " + k.literal(&c)
			reread, err := parseFile("printed.toml", []byte(printed))
			if err != nil {
				t.Fatalf("%s: %v", printed, err)
			}
			if err := k.apply(&again, reread[name]); err != nil || k.literal(&again) != k.literal(&c) {
				t.Fatalf("%s reads as %s (%v)", printed, k.literal(&again), err)
			}
		}
	})
}
