// Package integration has the tests of the program as a whole. Each of them
// builds and runs the real server as a process of its own, on SQLite and on
// PostgreSQL, and looks at it from outside, as the people and programs do who
// use it: over HTTP, through an existing client of the pump.io network, by the
// commands of its operator, and by killing it in the middle of its work.
//
// What the other packages promise in detail is tested there. Here is what only
// the whole can show: that the parts are wired together, that what was
// acknowledged is there after a crash, that several processes get along on one
// database.
//
// The tests need PostgreSQL (see package scratchpg), Debian's python3-pypump, and a
// server of the fediverse that is made with Fedify (the folder fedify has it, npm
// what it is made of); `make test` installs all of them. If MANIFOLD_TOOLS names a directory
// with pypump_check.py in it, that program has to be content with the server too.
//
// With the build tag desktop there are tests that work the desktop clients of the
// network, Pumpa, Dianara and Choqok, as a person does: `make desktop`. They need
// a kernel that gives namespaces (user_namespaces(7)), and leave screenshots in
// MANIFOLD_ARTIFACTS, or else in manifold-desktop below the temporary directory.
//
// The command in bench measures speed.
package integration
