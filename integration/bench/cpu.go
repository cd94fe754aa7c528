package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpuTimes are the CPU times that have been used so far.
type cpuTimes struct {
	server   time.Duration
	database time.Duration // of PostgreSQL; SQLite is inside the server
	load     time.Duration // of this process, which makes the requests
}

func (t cpuTimes) since(before cpuTimes) cpuTimes {
	return cpuTimes{t.server - before.server, t.database - before.database, t.load - before.load}
}

// cpuTimes reads the times of the server, of the processes of PostgreSQL, and of
// this one.
func (p *program) cpuTimes() (t cpuTimes, err error) {
	server, err := readStat(p.cmd.Process.Pid)
	if err != nil {
		return t, err
	}
	t.server = server.own
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return t, err
	}
	t.load = time.Duration(own.Utime.Nano() + own.Stime.Nano())
	t.database, err = postgresTime()
	return t, err
}

// postgresTime adds up the times of the PostgreSQL that this process has
// started: of its main process, of those that it has for connections and for
// its own work, and of those that have ended.
func postgresTime() (total time.Duration, err error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	var all []processStat
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		s, err := readStat(pid)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return 0, err
		}
		if s.name == "postgres" {
			all = append(all, s)
		}
	}
	for _, main := range all {
		if main.parent != os.Getpid() {
			continue
		}
		total += main.own + main.ended
		for _, s := range all {
			if s.parent == main.pid {
				total += s.own
			}
		}
	}
	return total, nil
}

// processStat is what /proc/PID/stat tells.
type processStat struct {
	pid, parent int
	name        string
	// own is the CPU time of the process, ended that of children that have ended.
	own, ended time.Duration
}

func readStat(pid int) (s processStat, err error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	// The second field is the name, in parentheses; the fourth is the parent; 14 to
	// 17 are utime, stime, cutime and cstime in hundredths of a second (proc(5)).
	head, rest, _ := strings.Cut(string(text), ") ")
	_, name, found := strings.Cut(head, "(")
	fields := strings.Fields(rest)
	if !found || len(fields) < 15 {
		return s, fmt.Errorf("%s cannot be read: %.80q", path, text)
	}
	s.pid, s.name = pid, name
	var ticks [4]int64
	for i, f := range fields[11:15] {
		if ticks[i], err = strconv.ParseInt(f, 10, 64); err != nil {
			return s, fmt.Errorf("%s: %w", path, err)
		}
	}
	const tick = 10 * time.Millisecond
	s.own, s.ended = time.Duration(ticks[0]+ticks[1])*tick, time.Duration(ticks[2]+ticks[3])*tick
	s.parent, err = strconv.Atoi(fields[1])
	return s, err
}
