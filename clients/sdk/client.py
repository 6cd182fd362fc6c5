"""The typed client: one connection, and everything that the gateway does for customers and the operator."""

from types import TracebackType
from typing import Self

from clients.sdk.accounts import Accounts
from clients.sdk.admin import Admin
from clients.sdk.connection import Connection
from clients.sdk.payments import Payments
from clients.sdk.sessions import Sessions


class Client:
    """A client of the gateway at "host:port". `authority` is the network's CA certificate as PEM, `token` a session's.

        with Client("localhost:50051", Path("ca.crt").read_bytes()) as client:
            client.sessions.login("alice", password)
            client.payments.transfer(order)

    Thread-safe. Every method raises `interbank.refusals.Refused` when the answer is no, and those that change something
    raise `Unanswered` when nobody can say whether they did: ask again under the same idempotency key.
    """

    def __init__(self, address: str, authority: bytes, token: str = "") -> None:
        self._connection = Connection(address, authority, token)
        self.payments = Payments(self._connection)
        self.sessions = Sessions(self._connection)
        self.accounts = Accounts(self._connection)
        self.admin = Admin(self._connection)

    @property
    def address(self) -> str:
        """The gateway's."""
        return self._connection.address

    @property
    def token(self) -> str:
        """The session's, sent with every call; empty for none."""
        return self._connection.token

    @token.setter
    def token(self, token: str) -> None:
        self._connection.token = token

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
