"""A mail server on this machine: takes mails, refuses them as told, or loses its answers."""

from email import message_from_bytes, policy

from aiosmtpd.controller import Controller


class Server(Controller):
    """``journal`` holds the mails that arrived, as ``email.message.EmailMessage``.

    ``recipients`` and ``data`` are the answers to RCPT and DATA, such as "550 unknown", each used
    once, in their order; "cut" takes the mail and hangs up without an answer.
    """

    def __init__(self):
        self.journal, self.recipients, self.data = [], [], []
        super().__init__(self, hostname="127.0.0.1", port=0, server_hostname="mail.example.cn")

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]  # the one that we got
        super()._trigger_server()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.recipients:
            return self.recipients.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        answer = self.data.pop(0) if self.data else "250 OK"
        if answer == "cut" or answer.startswith("2"):
            mail = message_from_bytes(
                envelope.content.replace(b"\r\n", b"\n"), policy=policy.default
            )
            self.journal.append((envelope.mail_from, envelope.rcpt_tos, mail))
        if answer == "cut":
            server.transport.abort()
        return answer
