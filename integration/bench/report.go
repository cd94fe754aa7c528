package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// result is one figure. Those of a load have latencies; Goal is what we aim at,
// 0 for nothing, and is a lower bound unless Below is set.
type result struct {
	Database string  `json:"database,omitempty"`
	Stored   int     `json:"stored,omitempty"`
	What     string  `json:"what"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	P50      float64 `json:"p50_ms,omitempty"`
	P99      float64 `json:"p99_ms,omitempty"`
	Max      float64 `json:"max_ms,omitempty"`
	// The CPU times a request, in microseconds: of the server, of PostgreSQL, and
	// of this program.
	ServerCPU   float64 `json:"server_cpu_us,omitempty"`
	DatabaseCPU float64 `json:"database_cpu_us,omitempty"`
	LoadCPU     float64 `json:"load_cpu_us,omitempty"`

	Goal  float64 `json:"goal,omitempty"`
	Below bool    `json:"goal_is_upper_bound,omitempty"`
	Note  string  `json:"note,omitempty"`
}

func (r *result) missed() bool {
	return r.Goal != 0 && (r.Below && r.Value > r.Goal || !r.Below && r.Value < r.Goal)
}

// report is everything that was measured, and where.
type report struct {
	Started   time.Time `json:"started"`
	CPUs      int       `json:"cpus"`
	Processor string    `json:"processor"`
	Go        string    `json:"go"`
	// LoadBefore and LoadAfter are the load averages of the machine, which tell
	// whether it was busy with something else.
	LoadBefore string   `json:"load_before"`
	LoadAfter  string   `json:"load_after"`
	Results    []result `json:"results"`
}

func newReport() *report {
	return &report{Started: time.Now().UTC(), CPUs: runtime.NumCPU(), Processor: processor(), Go: runtime.Version(), LoadBefore: loadAverage()}
}

func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.Trim(name, "\t :\n")
		}
	}
	return runtime.GOARCH
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

func (r *report) add(one result) {
	r.Results = append(r.Results, one)
	progress("%s", strings.Join(strings.Fields(strings.Join(one.cells()[:5], " ")), " "))
}

// value returns a figure that was taken before.
func (r *report) value(database string, stored int, what string) (float64, bool) {
	for _, one := range r.Results {
		if one.Database == database && one.Stored == stored && one.What == what {
			return one.Value, true
		}
	}
	return 0, false
}

// cells are the columns of the table; the first five say it in short.
func (r *result) cells() []string {
	optional := func(v float64, format string) string {
		if v == 0 {
			return ""
		}
		return fmt.Sprintf(format, v)
	}
	stored := ""
	if r.Stored > 0 {
		stored = fmt.Sprint(r.Stored)
	}
	goal := ""
	if r.Goal != 0 {
		goal = map[bool]string{true: "<= ", false: ">= "}[r.Below] + number(r.Goal)
		if r.missed() {
			goal += " MISSED"
		}
	}
	return []string{
		r.Database, stored, r.What, number(r.Value), r.Unit,
		optional(r.P50, "%.2f"), optional(r.P99, "%.2f"), optional(r.Max, "%.0f"),
		optional(r.ServerCPU, "%.0f"), optional(r.DatabaseCPU, "%.0f"), optional(r.LoadCPU, "%.0f"),
		goal, r.Note,
	}
}

// number prints three or more digits that mean something.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func (r *report) print(w io.Writer) error {
	r.LoadAfter = loadAverage()
	fmt.Fprintf(w, "%s, %d CPUs (%s), %s\nload average %s before, %s after\n"+
		"The load generator runs on the same CPUs; the times in us are CPU time a request: of the server, PostgreSQL and the load generator.\n\n",
		r.Started.Format(time.DateTime+" MST"), r.CPUs, r.Processor, r.Go, r.LoadBefore, r.LoadAfter)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "database\tstored\twhat\tvalue\tunit\tp50 ms\tp99 ms\tmax ms\tserver us\tPG us\tload us\tgoal\t")
	for i := range r.Results {
		fmt.Fprintln(t, strings.Join(r.Results[i].cells(), "\t"))
	}
	return t.Flush()
}

func (r *report) writeJSON(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	return nil
}
