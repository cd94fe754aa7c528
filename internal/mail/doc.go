// Package mail hands mail over to a mail server, which carries it to where it is
// read.
//
// A mail has a head, one line for each thing to be known about it (From, To,
// Subject, Message-ID; RFC 5322), and a body. The body here is the same text
// twice, plain and as HTML, of which the reader's program shows one (RFC 2046
// 5.1.4). A program gives it to a server by SMTP (RFC 5321), a conversation of
// lines in which the server answers each with a number:
//
//  1. The program connects and says its name (EHLO).
//  2. Both change to TLS, by STARTTLS (RFC 3207), unless TLS was spoken from the
//     first byte on (RFC 8314).
//  3. The program logs in (AUTH, RFC 4954).
//  4. It says whom the mail is from and whom it is to (MAIL FROM, RCPT TO), and
//     sends the mail itself (DATA).
//
// A number from 200 on means yes, from 400 on "try again later", from 500 on
// "never". [Error] tells which of these it was. What goes wrong before step 4 says
// nothing about the mail, and can always be tried again: somebody has to put the
// server or its configuration right.
//
// The server may have taken a mail although the program never heard of it, when
// the connection broke at the wrong moment. Whoever sends it again should give it
// the same [Message.ID]: the programs of those who read it know a mail that they
// have by that.
package mail
