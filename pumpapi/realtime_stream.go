package pumpapi

import (
	"net/http"
	"time"
)

// streamWriter is for answers that are written bit by bit over a long time: the
// limits that a server has for answers hold for each bit.
type streamWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	within  time.Duration
	begun   bool
}

func newStreamWriter(w http.ResponseWriter, r *realtime) *streamWriter {
	return &streamWriter{ResponseWriter: w, control: http.NewResponseController(w), within: r.writeWithin}
}

// Unwrap is for http.ResponseController.
func (w *streamWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *streamWriter) begin() {
	if !w.begun {
		w.begun = true
		// The deadline of the request passes while the client says nothing, as it
		// should. Where a connection has no deadlines there is none to be set.
		_ = w.control.SetReadDeadline(time.Time{})
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(w.within))
}

// WriteHeader implements http.ResponseWriter.
func (w *streamWriter) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *streamWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// Flush sends what was written. That the client is gone shows at the next write.
func (w *streamWriter) Flush() {
	w.begin()
	_ = w.control.Flush()
}

// release leaves the connection to the next request.
func (w *streamWriter) release() {
	if w.begun {
		_ = w.control.SetWriteDeadline(time.Time{})
	}
}
