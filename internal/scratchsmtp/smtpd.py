"""An SMTP server for tests: aiosmtpd, set up as the JSON in the first argument
says. What it takes goes into a Maildir. It prints its port when it is ready, and
ends when its standard input does: with whoever started it.

Mail to nobody@ any host is refused for ever, mail to later@ for now."""

import asyncio
import json
import ssl
import sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Office(Mailbox):
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "nobody":
            return f"550 5.1.1 <{address}>: there is no such person here"
        if name == "later":
            return f"451 4.3.0 <{address}>: come again"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"


async def serve(o):
    context = None
    if o["encryption"] != "off":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(o["certificate"], o["key"])

    def authenticate(server, session, envelope, mechanism, given):
        right = isinstance(given, LoginPassword) and given.login.decode() == o["user"] and given.password.decode() == o["password"]
        return AuthResult(success=right, handled=False)

    office = Office(o["maildir"])
    starttls = o["encryption"] == "starttls"

    def conversation():
        return SMTP(
            office,
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            authenticator=authenticate,
            auth_required=bool(o["user"]),
            # With TLS from the first byte on, aiosmtpd does not know that there is any.
            auth_require_tls=starttls,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(conversation, "127.0.0.1", o["port"], ssl=context if o["encryption"] == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(serve(json.loads(sys.argv[1])))
