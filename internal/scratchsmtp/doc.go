// Package scratchsmtp starts an SMTP server for tests: aiosmtpd, from Debian's
// python3-aiosmtpd, as a process of its own on a port of loopback. It keeps what it
// takes where a test can read it, and takes nothing for two names: nobody@ any host
// is refused for ever, later@ for now. No mail leaves the machine.
package scratchsmtp
