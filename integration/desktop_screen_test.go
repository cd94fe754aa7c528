//go:build desktop

package integration

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A desktop is a screen that nobody sees, with what a desktop program expects
// around it. Its programs are worked with the mouse and the keyboard (xdotool), and
// what they show is read as screen readers read it (AT-SPI).
type desktop struct {
	t     *testing.T
	name  string // of its screenshots
	shots int
	env   []string
	runs  []*process // to the end of the test
}

//go:embed testdata/desktop_view.py
var desktopView string

//go:embed testdata/desktop_preload.c
var desktopPreload []byte

// The places of a desktop, in the world of the test.
const (
	desktopHome   = "/tmp/home"
	desktopBus    = "unix:path=/tmp/bus"
	desktopScreen = "/tmp/screen"
	openedAddress = "/tmp/opened"
	preloadFile   = "/tmp/preload.so"
)

// newDesktop starts a desktop.
func newDesktop(t *testing.T, name string) *desktop {
	t.Helper()
	for _, dir := range []string{desktopHome, desktopHome + "/run", desktopHome + "/.config", desktopScreen, "/tmp/bin"} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// The browser: it remembers the address that it is to open.
	if err := os.WriteFile("/tmp/bin/xdg-open", []byte("#!/bin/sh\necho \"$1\" >>"+openedAddress+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	d := &desktop{t: t, name: name, env: []string{
		"PATH=/tmp/bin:/usr/bin:/bin", "HOME=" + desktopHome, "TMPDIR=/tmp", "DISPLAY=:0", "DBUS_SESSION_BUS_ADDRESS=" + desktopBus,
		"XDG_RUNTIME_DIR=" + desktopHome + "/run", "XDG_CONFIG_HOME=" + desktopHome + "/.config", "XDG_CACHE_HOME=" + desktopHome + "/.cache",
		"XDG_DATA_HOME=" + desktopHome + "/.local/share", "XDG_DATA_DIRS=/usr/local/share:/usr/share",
		"LC_ALL=C.UTF-8", "BROWSER=/tmp/bin/xdg-open", "QT_QPA_PLATFORM=xcb", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON=1",
	}}
	d.run("gcc", "-shared", "-fPIC", "-O1", "-xc", "-o", preloadFile, writeSource(t))
	// Without -noreset the display begins anew when its last client goes, and all
	// who come in that moment lose it.
	d.start("Xvfb", ":0", "-noreset", "-screen", "0", "1280x1000x24", "-nolisten", "tcp", "-fbdir", desktopScreen)
	d.start("dbus-daemon", "--session", "--nofork", "--nopidfile", "--address="+desktopBus)
	d.until("the display is there", func() error { return d.try("xdotool", "getdisplaygeometry") })
	d.until("the bus is there", func() error {
		c, err := net.Dial("unix", strings.TrimPrefix(desktopBus, "unix:path="))
		if err != nil {
			return err
		}
		return c.Close()
	})
	d.start("openbox")
	// To ask for it starts it.
	d.until("the bus for screen readers is there", func() error {
		address, err := d.output("dbus-send", "--session", "--print-reply=literal", "--dest=org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus.GetAddress")
		if err != nil {
			return err
		}
		if address = strings.TrimSpace(address); address == "" {
			return errors.New("it has no address yet")
		}
		d.env = append(d.env, "AT_SPI_BUS_ADDRESS="+address)
		return nil
	})
	return d
}

func writeSource(t *testing.T) string {
	t.Helper()
	const path = "/tmp/preload.c"
	if err := os.WriteFile(path, desktopPreload, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// configure leaves a file where programs look for their settings.
func (d *desktop) configure(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(desktopHome, ".config", name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// start starts a program that goes on to the end of the test.
func (d *desktop) start(program string, args ...string) {
	d.t.Helper()
	logFile := "/tmp/" + filepath.Base(program) + ".log"
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	p := &process{cmd: exec.Command(program, args...), exited: make(chan struct{})}
	p.cmd.Env, p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = d.env, desktopHome, log, log
	if err := p.cmd.Start(); err != nil {
		d.t.Fatalf("%v; make desktop installs it", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	d.runs = append(d.runs, p)
	d.t.Cleanup(func() {
		if d.t.Failed() {
			text, _ := os.ReadFile(logFile)
			d.t.Logf("%s has said:\n%s", program, text[max(0, len(text)-3000):])
		}
	})
}

// ended says which of the programs that are to go on have not.
func (d *desktop) ended() error {
	for _, p := range d.runs {
		select {
		case <-p.exited:
			return fmt.Errorf("%s has ended: %v", p.cmd.Path, p.err)
		default:
		}
	}
	return nil
}

// output runs a command to its end, which it reaches soon or not at all.
func (d *desktop) output(program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	var errs bytes.Buffer
	c.Env, c.Stderr = d.env, &errs
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w %s", program, err, errs.String())
	}
	return string(out), err
}

func (d *desktop) try(program string, args ...string) error {
	_, err := d.output(program, args...)
	return err
}

func (d *desktop) run(program string, args ...string) {
	d.t.Helper()
	if err := d.try(program, args...); err != nil {
		d.t.Fatal(err)
	}
}

// desktopPatience is for what a desktop program takes its time for: Dianara asks
// for one thing every three seconds after its start, ten of them.
const desktopPatience = 90 * time.Second

// until waits until check finds nothing wrong, and leaves a screenshot if it never
// does.
func (d *desktop) until(what string, check func() error) {
	d.t.Helper()
	deadline := time.After(desktopPatience)
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if err := d.ended(); err != nil {
			d.t.Fatalf("while waiting until %s: %v", what, err)
		}
		select {
		case <-poll.C:
		case <-deadline:
			d.shoot("failed")
			for _, e := range d.elements() {
				if e.Name+e.Hint+e.Text != "" || e.Role == "text" {
					d.t.Logf("shown: %s %q, hint %q, text %q", e.Role, e.Name, e.Hint, e.Text)
				}
			}
			d.t.Fatalf("not within %v: %s: %v", desktopPatience, what, err)
		}
	}
}

// element is a widget of a program, as a screen reader is told of it.
type element struct {
	Role, Name, Hint, Text string
	X, Y, Width, Height    int
	Checked                bool
}

// says reports whether a person can read the text on it.
func (e element) says(text string) bool {
	return strings.Contains(e.Name, text) || strings.Contains(e.Text, text)
}

// tags are the HTML that Qt's labels and hints are written in.
var tags = regexp.MustCompile("<[^>]*>")

// elements are all widgets that are shown, in the order of their tree: a post's
// buttons come after its text.
func (d *desktop) elements() []element {
	out, err := d.output(python, "-c", desktopView)
	if err != nil {
		d.t.Logf("reading the screen: %v", err)
	}
	var all []element
	lines := json.NewDecoder(strings.NewReader(out))
	for {
		var e element
		if err := lines.Decode(&e); err != nil {
			return all
		}
		e.Name, e.Hint = tags.ReplaceAllString(e.Name, ""), tags.ReplaceAllString(e.Hint, "")
		all = append(all, e)
	}
}

// A widget describes one of the elements: the first with this role and this name or
// hint ("" is for one that has neither), after the one that says a text (unless
// after is "").
type widget struct{ role, name, after string }

func (w widget) in(all []element) (element, error) {
	reached := w.after == ""
	for _, e := range all {
		if reached && e.Role == w.role && e.Width > 0 && (cmp.Or(e.Name, e.Hint) == w.name) {
			return e, nil
		}
		reached = reached || e.says(w.after)
	}
	if !reached {
		return element{}, fmt.Errorf("nothing says %q", w.after)
	}
	return element{}, fmt.Errorf("there is no %s %q", w.role, w.name)
}

// find waits for a widget.
func (d *desktop) find(w widget) element {
	d.t.Helper()
	var found element
	d.until(fmt.Sprintf("a %s %q is shown", w.role, w.name), func() (err error) {
		found, err = w.in(d.elements())
		return err
	})
	return found
}

// reads waits until a program shows a text.
func (d *desktop) reads(role, text string) element {
	d.t.Helper()
	var found element
	d.until(fmt.Sprintf("a %s says %q", role, text), func() error {
		for _, e := range d.elements() {
			if e.Role == role && e.says(text) {
				found = e
				return nil
			}
		}
		return errors.New("none does")
	})
	return found
}

// accept waits for a dialog and clicks on its OK until it is gone. Once is not
// enough if another window comes up at that moment and covers the button.
func (d *desktop) accept(title string) {
	d.t.Helper()
	dialog := widget{"dialog", title, ""}
	d.find(dialog)
	d.until("the dialog "+title+" is gone", func() error {
		all := d.elements()
		if _, err := dialog.in(all); err != nil {
			return nil
		}
		ok, err := widget{"push button", "OK", title}.in(all)
		if err == nil {
			err = d.try("xdotool", "search", "--onlyvisible", "--name", "^"+title, "windowactivate", "--sync")
		}
		if err != nil {
			return err
		}
		d.click(ok)
		return errors.New("it is still there")
	})
}

// point moves the mouse to the middle of an element.
func (d *desktop) point(e element) {
	d.t.Helper()
	d.run("xdotool", "mousemove", strconv.Itoa(e.X+e.Width/2), strconv.Itoa(e.Y+e.Height/2))
}

func (d *desktop) click(e element) {
	d.t.Helper()
	d.point(e)
	d.run("xdotool", "click", "1")
}

// press waits for a widget and clicks on it.
func (d *desktop) press(w widget) {
	d.t.Helper()
	d.click(d.find(w))
}

// pop presses a widget that pops up a menu, which screen readers are not told of,
// and waits until that is there.
func (d *desktop) pop(w widget) {
	d.t.Helper()
	windows := func() int {
		out, err := d.output("xdotool", "search", "--onlyvisible", "--name", ".*")
		if err != nil {
			d.t.Fatal(err)
		}
		return strings.Count(out, "\n")
	}
	before := windows()
	d.press(w)
	d.until("a menu has popped up", func() error {
		if n := windows(); n <= before {
			return fmt.Errorf("there are %d windows, as before", n)
		}
		return nil
	})
}

// keys presses keys in the active window.
func (d *desktop) keys(keys ...string) {
	d.t.Helper()
	d.run("xdotool", append([]string{"key", "--delay", "50"}, keys...)...)
}

// window waits for a window by (a regular expression of) its title and makes it
// the active one.
func (d *desktop) window(title string) {
	d.t.Helper()
	d.until("there is a window "+title, func() error {
		return d.try("xdotool", "search", "--onlyvisible", "--name", title, "windowactivate", "--sync")
	})
}

// enlarge waits for a window and makes it the active one, as large as the screen.
func (d *desktop) enlarge(title string) {
	d.t.Helper()
	d.window(title)
	d.run("xdotool", "getactivewindow", "windowmove", "--sync", "0", "0", "windowsize", "--sync", "1270", "960")
}

// write types into a field, which has to be empty before, and sees to it that it
// has arrived. A window that comes up at that moment swallows some of it; then it
// is typed again, as nothing has been sent.
func (d *desktop) write(field widget, text string) {
	d.t.Helper()
	d.until(fmt.Sprintf("%q is in the %s %q", text, field.role, field.name), func() error {
		e, err := field.in(d.elements())
		if err != nil {
			return err
		}
		d.click(e)
		d.run("xdotool", "key", "ctrl+a", "type", "--delay", "15", text)
		deadline := time.After(5 * time.Second)
		for {
			if e, err = field.in(d.elements()); err == nil && strings.TrimSpace(e.Text) == text {
				return nil
			}
			select {
			case <-deadline:
				return fmt.Errorf("it holds %q", e.Text)
			default:
			}
		}
	})
}

// opened waits until a program asks the browser for a page and returns its address.
func (d *desktop) opened() string {
	d.t.Helper()
	var address string
	d.until("the browser is opened", func() error {
		text, err := os.ReadFile(openedAddress)
		if err != nil {
			return err
		}
		var whole bool
		if address, whole = strings.CutSuffix(string(text), "\n"); !whole {
			return fmt.Errorf("its address is still being written: %q", text)
		}
		return nil
	})
	return address
}

// shoot leaves a screenshot.
func (d *desktop) shoot(what string) {
	d.t.Helper()
	d.shots++
	path := filepath.Join(worldArtifacts, fmt.Sprintf("%s-%d-%s.png", d.name, d.shots, what))
	var b bytes.Buffer
	err := png.Encode(&b, d.screen())
	if err == nil {
		err = os.WriteFile(path, b.Bytes(), 0o644)
	}
	if err != nil {
		d.t.Errorf("screenshot %s: %v", what, err)
	}
}

// screen reads the frame buffer, which Xvfb keeps in a file of the form of xwd: a
// header of big-endian words (XWDFile.h of the X protocol), a map of colours, pixels.
func (d *desktop) screen() image.Image {
	d.t.Helper()
	const (
		headerSize, width, height, bitsPerPixel, bytesPerLine, colours = 0, 4, 5, 11, 12, 19
		words                                                          = 25
	)
	b, err := os.ReadFile(filepath.Join(desktopScreen, "Xvfb_screen0"))
	if err != nil || len(b) < 4*words {
		d.t.Fatalf("reading the screen: %d bytes, %v", len(b), err)
	}
	word := func(i int) int { return int(binary.BigEndian.Uint32(b[4*i:])) }
	start, line := word(headerSize)+12*word(colours), word(bytesPerLine)
	if word(bitsPerPixel) != 32 || len(b) < start+line*word(height) {
		d.t.Fatalf("the screen has %d bits a pixel and %d bytes", word(bitsPerPixel), len(b))
	}
	screen := image.NewRGBA(image.Rect(0, 0, word(width), word(height)))
	for y := range word(height) {
		for x := range word(width) {
			p := b[start+y*line+4*x:] // blue, green, red, nothing
			screen.SetRGBA(x, y, color.RGBA{p[2], p[1], p[0], 255})
		}
	}
	return screen
}

// shows waits until much of the screen has a colour.
func (d *desktop) shows(what string, c color.RGBA) {
	d.t.Helper()
	const enough = 2000 // pixels
	d.until(what+" is on the screen", func() error {
		screen, n := d.screen(), 0
		for y := range screen.Bounds().Dy() {
			for x := range screen.Bounds().Dx() {
				if screen.At(x, y) == color.Color(c) {
					n++
				}
			}
		}
		if n < enough {
			return fmt.Errorf("%d pixels have its colour, want %d", n, enough)
		}
		return nil
	})
}
