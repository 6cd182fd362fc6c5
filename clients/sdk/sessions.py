"""Logging in, and looking after sessions and passwords."""

from clients.sdk import wire
from clients.sdk.connection import Connection
from clients.sdk.records import Account, Login, Session, WhoAmI
from protos.v1 import gateway_pb2, gateway_pb2_grpc

_SECONDS = 10.0
_PASSWORD_SECONDS = 20.0  # a password's hash takes its time, and others may be before us


class Sessions:
    """Sessions of whoever is logged in. Every method raises Refused; those that change something, Unanswered too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = gateway_pb2_grpc.SessionServiceStub(connection.channel)

    def login(self, username: str, password: str, *, bank: str = "", device: str = "") -> Login:
        """Open a session; with the token of one of the same user, add the bank to that session instead.

        The connection carries the token from then on.
        """
        request = gateway_pb2.LoginRequest(username=username, password=password, bank=bank, device=device[:64])
        # A session more is no harm, so a login that got no answer is simply one that failed.
        answer = self._connection.read(self._stub.Login, request, timeout=_PASSWORD_SECONDS)
        self._connection.token = answer.token or self._connection.token
        return Login(self._connection.token, wire.session(answer.session))

    def logout(self) -> None:
        """End the session, and its access at the banks."""
        self._connection.read(self._stub.Logout, gateway_pb2.LogoutRequest(), timeout=_SECONDS)
        self._connection.token = ""

    def mine(self) -> list[Session]:
        """The caller's sessions, newest first."""
        answer = self._connection.read(self._stub.ListSessions, gateway_pb2.ListSessionsRequest(), timeout=_SECONDS)
        return list(map(wire.session, answer.sessions))

    def revoke(self, session_id: str) -> None:
        """End another session of the caller."""
        request = gateway_pb2.RevokeSessionRequest(session_id=session_id)
        self._connection.change(self._stub.RevokeSession, request, timeout=_SECONDS)

    def who_am_i(self) -> WhoAmI:
        """Who is logged in, where, until when."""
        answer = self._connection.read(self._stub.WhoAmI, gateway_pb2.WhoAmIRequest(), timeout=_SECONDS)
        return wire.who_am_i(answer)

    def register(self, username: str, bank: str, account: int, password: str) -> Account:
        """Bind a bank account to a network user. The password is the account's at that bank."""
        request = gateway_pb2.RegisterRequest(username=username, bank=bank, account=account, password=password)
        answer = self._connection.change(self._stub.Register, request, timeout=_PASSWORD_SECONDS)
        return wire.account(answer.account)

    def change_password(self, old: str, new: str, *, bank: str = "") -> None:
        """Replace the caller's password at a bank, or the operator's at the gateway; ends the user's other sessions."""
        request = gateway_pb2.SessionServiceChangePasswordRequest(bank=bank, old_password=old, new_password=new)
        self._connection.change(self._stub.ChangePassword, request, timeout=_PASSWORD_SECONDS)
