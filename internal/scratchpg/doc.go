// Package scratchpg runs a PostgreSQL server that belongs to one process and
// is gone with it, so that tests and benchmarks need no server set up
// beforehand and leave none behind.
//
// PostgreSQL keeps its databases in a directory made by initdb and served by
// one process, postgres. Both come from the installed packages. What happens:
//
//  1. [Start] finds the newest installed initdb and postgres.
//  2. A directory is made under os.TempDir. PostgreSQL refuses to run as root;
//     for root the directory and the server are given to the account postgres.
//  3. initdb fills the directory, with one superuser and a random password.
//  4. postgres is started on a free port of 127.0.0.1 and on a Unix socket in
//     the directory; Start returns when it answers.
//  5. [Server.Stop] ends the server and removes the directory. When the process
//     dies before that, even by SIGKILL, the kernel and a watching shell do the
//     same, see watch.
//
// A test that wants a database calls [Database]. All tests of one run share one
// server: the command in cmd/scratchpg starts it and names it in the environment
// variable [Env], as `make test` does. Without that variable (`go test ./models`)
// each test binary starts a server of its own on first use.
package scratchpg
