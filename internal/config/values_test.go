package config

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestValues parses texts key by key; an empty want is an error.
func TestValues(t *testing.T) {
	for name, cases := range map[string]map[string]string{
		"url": {
			"http://localhost:8081": `"http://localhost:8081"`, "http://A.Example:80/": `"http://a.example"`,
			"https://a.example:0443//": `"https://a.example"`, "https://a.example:80": `"https://a.example:80"`,
			"https://a.example/social/": `"https://a.example/social"`, "http://[::1]:80": `"http://[::1]"`,
			"http://[::1]:8080": `"http://[::1]:8080"`, "https://xn--bcher-kva.example": `"https://xn--bcher-kva.example"`,
			"": "", "a.example": "", "ftp://a.example": "", "http://": "", "http:a.example": "", "https://a.example?x": "",
			"https://a.example?": "", "https://a.example#x": "", "https://u:p@a.example": "", "https://bücher.example": "",
			"https://a.example.": "", "https://a.example:0": "", "https://a.example:65536": "", "https://a.example/a/../b": "",
			"https://a.example/a%2fb": "", "https://a.example/a b": "", "https://a.example//b": "", "http://[fe80::1%25eth0]": "",
		},
		"listen": {
			"127.0.0.1:8080": `"127.0.0.1:8080"`, ":8080": `":8080"`, "[::1]:8080": `"[::1]:8080"`, "Localhost:080": `"localhost:80"`,
			"127.0.0.1:0": `"127.0.0.1:0"`, "[fe80::1%eth0]:80": `"[fe80::1%eth0]:80"`,
			"": "", "8080": "", "localhost": "", "localhost:": "", "localhost:http": "", ":65536": "", ":-1": "", "::1:80": "", "a b:80": "",
		},
		"metrics_listen": {"off": `"off"`, "OFF": `"off"`, ":9090": `":9090"`, "": "", "on": ""},
		"database": {
			"data/x.db": `"data/x.db"`, "/x y.db": `"/x y.db"`, `C:\x.db`: `"C:\\x.db"`,
			"postgres://h/db": `"postgres://h/db"`, "postgresql://h/db": `"postgresql://h/db"`,
			"": "", "mysql://h/db": "", "postgres:h": "", "host=h dbname=x": "", ":memory:": "", "file:x.db?mode=ro": "",
			"postgres://u:%zz@h/db": "",
		},
		"data_dir":                {"": ""},
		"registration":            {"OPEN": `"open"`, "": "", "Invite": `"invite"`, "yes": ""},
		"networks":                {"OStatus,pump,pump": `["pump", "ostatus"]`, "": "", "pump,": "", "diaspora": "", "pump activitypub": ""},
		"web":                     {"1": `"on"`, "True": `"on"`, "0": `"off"`, "false": `"off"`, "": "", "2": ""},
		"allow_private_addresses": {"on": "true", "0": "false"},
		"acme_email":              {"": `""`, "a@b.example": `"a@b.example"`, "a": "", "A <a@b.example>": "", "a@b.example,c@d.example": ""},
		"log_level":               {"WARN": `"warn"`, "error": `"error"`, "": "", "warn+1": "", "trace": ""},
		"site_name":               {" A ": `"A"`, "": "", "  ": "", strings.Repeat("ü", 100): `"` + strings.Repeat("ü", 100) + `"`, strings.Repeat("ü", 101): ""},
		"max_upload": {
			"1": `"1"`, "1b": `"1"`, "999": `"999"`, "1KB": `"1KB"`, "1KiB": `"1KiB"`, "1024 kib": `"1MiB"`, "1000kb": `"1MB"`,
			"1TB": `"1TB"`, "2000000": `"2MB"`,
			"": "", "MB": "", "0": "", "-1": "", "1.5GB": "", "20M": "", "1TiB": "", "1000001MB": "", "99999999999999999999": "",
			"-9223372036854775808TB": "", "9223372036854775807TB": "", "1e3": "", "٣MB": "",
		},
		"redirect_listen": {"off": `"off"`, ":80": `":80"`, "on": ""},
		"hsts": {
			"off": `"off"`, "31536000": `"max-age=31536000"`, "max-age=0": `"max-age=0"`, "MAX-AGE = 1 ; preload": `"max-age=1; preload"`,
			"": "", "on": "", "-1": "", "max-age=-1": "", "max-age": "", "preload": "", "1; everything": "", "99999999999": "",
		},
		"trusted_proxies": {
			"": "[]", "off": "[]", "10.0.0.1": `["10.0.0.1/32"]`, "10.0.0.1/8,10.2.0.0/8": `["10.0.0.0/8"]`, "fe80::1/10": `["fe80::/10"]`,
			"10.0.0.0/33": "", "proxy.example": "", "10.0.0.1,": "", "fe80::1%eth0": "",
		},
		"smtp_server":     {"off": `"off"`, "[::1]:25": `"[::1]:25"`, "": "", "smtp.example": "", ":25": "", "smtp.example:0": ""},
		"smtp_tls":        {"STARTTLS": `"starttls"`, "off": `"off"`, "": "", "ssl": ""},
		"mail_from":       {"": `""`, "a@b.example": `"a@b.example"`, "A <a@b.example>": `"A <a@b.example>"`, "a": "", "a@b.example, c@d.example": ""},
		"site_owner":      {"": `""`, strings.Repeat("ü", 101): ""},
		"site_owner_url":  {"": `""`, "https://a.example/x": `"https://a.example/x"`, "a.example": "", "javascript:1": "", "https://": "", "https://a b": ""},
		"proxy_whitelist": {"": "[]", "off": "[]", "a.example,A.example": `["a.example"]`, "[::1]:80": `["[::1]:80"]`, "https://a.example": "", "a.example:x": "", "a,": ""},
		"upload_quota":    {"0": `"0"`, "-1": ""},
		"cache_size":      {"0": `"0"`, "0MB": `"0"`, "-1": ""},
	} {
		k, ok := lookup(name)
		if !ok {
			t.Fatalf("no key %s", name)
		}
		for text, want := range cases {
			var c Config
			err := k.apply(&c, setting{text: text})
			switch {
			case want == "" && err == nil:
				t.Errorf("%s takes %q as %s", name, text, k.literal(&c))
			case want != "" && err != nil:
				t.Errorf("%v", err)
			case want != "" && k.literal(&c) != want:
				t.Errorf("%s takes %q as %s, want %s", name, text, k.literal(&c), want)
			}
		}
	}
}

func TestControlCharactersAreRefused(t *testing.T) {
	for _, k := range keys {
		for _, text := range []string{samples[k.name][0] + "\n", "a\x1b[2Jb", "a\xffb", "a\x00"} {
			if err := k.apply(new(Config), setting{text: text}); err == nil {
				t.Errorf("%s takes %q", k.name, text)
			}
		}
	}
}

// TestSecretsAreMasked prints and logs a secret in every way, and makes every
// error about one.
func TestSecretsAreMasked(t *testing.T) {
	c := mustLoad(t, []string{"--smtp-password=hunter2"}, nil, "")
	if got := c.SMTPPassword.Reveal(); got != "hunter2" {
		t.Errorf("the password is %q", got)
	}
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", c.SMTPPassword, "c", *c)
	fmt.Fprintf(&out, "%v %+v %#v %s %q", c.SMTPPassword, *c, *c, c.SMTPPassword, c.SMTPPassword)
	for _, asJSON := range []bool{false, true} {
		if err := c.Print(&out, asJSON); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range []string{"--smtp-password=hunter2\n", "--smtp-password=\x00hunter2"} {
		_, err := load(t, []string{args}, nil, "")
		fmt.Fprint(&out, err)
	}
	for _, file := range []string{"smtp_password = hunter2", "smtp_password = ['hunter2']", "smtp_password = 1234567"} {
		_, err := load(t, nil, nil, file)
		fmt.Fprint(&out, err)
	}
	if got := out.String(); strings.Contains(got, "hunter2") || strings.Contains(got, "1234567") {
		t.Errorf("the password leaks in %s", got)
	}
}

func TestNetworksHas(t *testing.T) {
	ns, err := parseNetworks("ostatus,pump")
	if err != nil {
		t.Fatal(err)
	}
	if !ns.Has(Pump) || !ns.Has(OStatus) || ns.Has(ActivityPub) {
		t.Errorf("set is %v", ns)
	}
}

// TestPasswordsAreMasked prints and logs a database in every way, and makes every
// error about one.
func TestPasswordsAreMasked(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://u:hunter2@h:5432/db?sslmode=disable":          "postgres://u:[masked]@h:5432/db?sslmode=disable",
		"postgres://u:hunter2@h":                                  "postgres://u:[masked]@h",
		"postgres://u:hun@ter2@h/db":                              "postgres://u:[masked]@h/db",
		"postgres://u@h/db?password=hunter2&x=1":                  "postgres://u@h/db?password=[masked]&x=1",
		"postgres://h/db?sslpassword=hunter2":                     "postgres://h/db?sslpassword=[masked]",
		"postgres://u:hun/ter2@h/db":                              "postgres://[masked]",
		"postgres://u:1?hunter2@h/db":                             "postgres://[masked]",
		"postgres://u:1#hunter2@h/db":                             "postgres://[masked]",
		"postgres://u:%zzhunter2@h/db":                            "postgres://[masked]",
		"mysql://u:hunter2@h/db":                                  "mysql://u:[masked]@h/db",
		"postgres:u:hunter2@h/db":                                 "[masked]",
		"host=h user=u password=hunter2":                          "[masked]",
		"postgres://u:" + strings.Repeat("hunter2", 50) + "@h/db": "postgres://u:[masked]@h/db",
		"data/manifold.db":                                        "data/manifold.db",
	} {
		if got := maskDSN(text); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
		d := Database{dsn: text}
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "database", d)
		printed := fmt.Sprintf("%v %+v %#v %s", d, Config{Database: d}, d, log.String())
		if _, err := load(t, []string{"--database", text}, nil, ""); err != nil {
			printed += err.Error()
		}
		if _, err := load(t, nil, nil, fmt.Sprintf("database = %q", text)); err != nil {
			printed += err.Error()
		}
		if strings.Contains(printed, "hunter2") || strings.Contains(printed, "ter2@") {
			t.Errorf("%s leaks in %s", text, printed)
		}
	}
}
