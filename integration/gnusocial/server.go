package gnusocial

import (
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options of a server.
type Options struct {
	// Address to listen on, such as "127.0.0.9:0".
	Address string
	// Certificate has the server speak TLS.
	Certificate *tls.Certificate
	// Old has it subscribe as StatusNet did, without a lease and to be verified
	// before the answer, and read descriptors in XML only.
	Old bool
	// ShortAddresses leaves index.php out of the names of people, which sites have in
	// them that were installed by the command line.
	ShortAddresses bool
}

// maxColumn is how many bytes a name may have that is stored in an indexed column.
const maxColumn = 191

// Server is a site.
type Server struct {
	// Base is its address, without a slash at the end.
	Base string
	// Host is its name, with the port.
	Host string

	options Options
	mux     *http.ServeMux

	clock  sync.Mutex
	latest time.Time // see moment

	mu       sync.Mutex
	listener net.Listener
	http     *http.Server
	last     int // number that was given last
	profiles map[string]*profile
	people   map[string]*Person
	groups   map[string]*Group
	notices  map[string]*Notice
	order    []string                   // ids of notices as they came
	follows  map[string]map[string]bool // who follows whom, by their names
	members  map[string]map[string]bool // of groups, by their names
	faves    map[string]map[string]bool // who likes a notice
	lists    map[string]map[string]bool // who is on a list
	subs     map[int]*subscription
	hub      map[string]map[string]*subscriber // topic, callback
	files    map[string]file
	arrivals []Arrival
	loses    bool // the hub delivers nothing
	slaps    []Slap
	// actorOf is the actor of somebody on ActivityPub, where the site speaks it.
	actorOf func(nick string) string
	jobs    []func()
	wake    chan struct{}
	ended   chan struct{}
	worker  sync.WaitGroup
}

// profile is somebody, of here or of elsewhere.
type profile struct {
	Profile
	number int
	local  bool
	key    *rsa.PublicKey // held for ever once it is known
	// The feed and hub that were found, and the subscription to it.
	hub string
	sub *subscription
}

// Profile is what is known of somebody.
type Profile struct {
	URI, Nick, Name, Bio, Location string
	Page, Avatar                   string
	Feed, Salmon                   string
	Group                          bool
}

type file struct {
	contentType string
	content     []byte
}

// Arrival is something that another server has sent.
type Arrival struct {
	// Kind is "salmon", "push", "verification" or "subscription".
	Kind string
	// Path is where it was sent to.
	Path string
	// Document is the payload of a slap, or the body.
	Document []byte
	// Status is how it was answered.
	Status int
	// Refusal says why it had no effect, though the answer may be a success.
	Refusal string
}

// Start starts a site on an address.
func Start(o Options) (*Server, error) {
	s := &Server{
		options: o, profiles: map[string]*profile{}, people: map[string]*Person{}, groups: map[string]*Group{}, notices: map[string]*Notice{},
		follows: map[string]map[string]bool{}, members: map[string]map[string]bool{}, faves: map[string]map[string]bool{}, lists: map[string]map[string]bool{},
		subs: map[int]*subscription{}, hub: map[string]map[string]*subscriber{}, files: map[string]file{},
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	if err := s.listen(o.Address); err != nil {
		return nil, err
	}
	s.Host = s.listener.Addr().String()
	s.Base = "http://" + s.Host
	if o.Certificate != nil {
		s.Base = "https://" + s.Host
	}
	s.routes()
	s.serve()
	s.worker.Go(s.work)
	return s, nil
}

func (s *Server) listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("a GNU social: %w", err)
	}
	s.listener = l
	return nil
}

func (s *Server) serve() {
	s.http = &http.Server{Handler: s.mux, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	l := s.listener
	if c := s.options.Certificate; c != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*c}, MinVersion: tls.VersionTLS12})
	}
	go func(h *http.Server) { _ = h.Serve(l) }(s.http)
}

// Down has the site refuse connections until [Server.Up].
func (s *Server) Down() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.http.Close()
}

// Up has the site answer again.
func (s *Server) Up() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.listen(s.Host); err != nil {
		return err
	}
	s.serve()
	return nil
}

// Close ends the site.
func (s *Server) Close() error {
	s.mu.Lock()
	err := s.http.Close()
	s.mu.Unlock()
	close(s.ended)
	s.worker.Wait()
	return err
}

// later queues work that GNU social does after it has answered. It is done in the
// order in which it came.
func (s *Server) later(job func()) {
	s.mu.Lock()
	s.jobs = append(s.jobs, job)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Server) work() {
	for {
		select {
		case <-s.ended:
			return
		case <-s.wake:
		}
		for {
			s.mu.Lock()
			if len(s.jobs) == 0 {
				s.mu.Unlock()
				break
			}
			job := s.jobs[0]
			s.jobs = s.jobs[1:]
			s.mu.Unlock()
			job()
		}
	}
}

// number gives the next number of the database.
func (s *Server) number() int {
	s.last++
	return s.last
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /.well-known/host-meta":                s.getHostMeta,
		"GET /.well-known/host-meta.json":           s.getHostMeta,
		"GET /.well-known/webfinger":                s.getWebFinger,
		"GET /{nick}":                               s.getProfilePage,
		"GET /user/{number}":                        s.getUser,
		"GET /index.php/user/{number}":              s.getUser,
		"GET /group/{name}":                         s.getGroupPage,
		"GET /group/{name}/id":                      s.getGroupPage,
		"GET /api/statuses/user_timeline/{file}":    s.getUserFeed,
		"GET /api/statusnet/groups/timeline/{file}": s.getGroupFeed,
		"GET /api/statuses/show/{file}":             s.getNotice,
		"GET /notice/{number}":                      s.getNoticePage,
		"GET /file/{name}":                          s.getFile,
		"POST /main/push/hub":                       s.postHub,
		"GET /main/push/callback/{number}":          s.getCallback,
		"POST /main/push/callback/{number}":         s.postCallback,
		"POST /main/salmon/user/{number}":           s.postSalmon,
		"POST /main/salmon/group/{number}":          s.postGroupSalmon,
		"GET /main/remotefollowsub":                 s.getRemoteFollow,
		"GET /main/ostatussub":                      s.getRemoteFollow,
	} {
		s.mux.HandleFunc(pattern, h)
	}
}

// arrived writes down what came in, and answers it.
func (s *Server) arrived(w http.ResponseWriter, a Arrival) {
	s.mu.Lock()
	s.arrivals = append(s.arrivals, a)
	s.mu.Unlock()
	if a.Status >= 400 {
		http.Error(w, "<p>"+a.Refusal+"</p>", a.Status)
		return
	}
	w.WriteHeader(a.Status)
}

// Arrivals is all that others have sent, in the order in which it came.
func (s *Server) Arrivals() []Arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Arrival(nil), s.arrivals...)
}

// Refused are the arrivals that were refused or dropped.
func (s *Server) Refused() []Arrival {
	var refused []Arrival
	for _, a := range s.Arrivals() {
		if a.Refusal != "" {
			refused = append(refused, a)
		}
	}
	return refused
}

// complain writes down what is wrong with another server that was not noticed by an
// answer to it.
func (s *Server) complain(kind, path string, document []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrivals = append(s.arrivals, Arrival{Kind: kind, Path: path, Document: document, Refusal: err.Error()})
}

// readBody reads what was sent.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errors.New("it is too large")
	}
	return body, err
}

// remember adds one to a set, and reports whether it is new.
func remember(sets map[string]map[string]bool, of, one string) bool {
	if sets[of] == nil {
		sets[of] = map[string]bool{}
	}
	isNew := !sets[of][one]
	sets[of][one] = true
	return isNew
}
