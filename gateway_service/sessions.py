"""Sessions of customers and of the operator: opaque tokens, kept hashed, ended by logout, by idleness or by age.

A customer's session rests on grants of his banks; the operator's on his password at the gateway.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from gateway_service.tables import operator, session_grants, sessions
from interbank.clock import Clock
from interbank.orders import check_password
from interbank.passwords import Passwords
from interbank.refusals import Reason, Refused
from interbank.rpc.interceptor import Context
from interbank.storage.database import Database
from interbank.storage.rows import insert_rows
from interbank.storage.statements import Statement
from interbank.throttle import Throttle

OPERATOR = "admin"
"""The network operator's username; nobody else can have it."""

FIRST_PASSWORD = "1234"  # noqa: S105  what the person who set this project asked for; loopback only
"""The operator's password until he changes it."""

DAY_US = 24 * 3600 * 1_000_000
AGE_LIMIT_DAYS = 365
_USE_NOTED_EVERY_US = 60 * 1_000_000
TOKEN_BYTES = 32

MAX_REMEMBERED = 20_000
"""Sessions in memory, those that have just ended too; the database knows all."""

_OVER_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Access:
    """What a bank granted a session: the account it may use there, and the grant that says so."""

    account: int
    grant: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it stands. Times in microseconds."""

    session_id: str
    token_hash: bytes
    username: str
    device: str
    opened_at: int
    used_at: int
    ends_at: int
    access: dict[str, Access] = field(default_factory=dict)

    @property
    def is_operator(self) -> bool:
        """Whether it is the network operator's."""
        return self.username == OPERATOR


class Sessions:
    """All sessions. Valid ones are remembered in memory, so that a call costs no read of the database."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        clock: Clock,
        entropy: Callable[[int], bytes],
        *,
        idle_limit_days: int,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock
        self._entropy = entropy
        self._idle_limit_us = idle_limit_days * DAY_US
        self._throttle = Throttle(clock)
        self._remembered: dict[bytes, Session] = {}
        self._ended: dict[bytes, None] = {}

    async def found(self) -> None:
        """Give a new network its operator, with his first password."""
        if await self._operator_row():
            return
        hashed = await self._passwords.hash(FIRST_PASSWORD)
        first = (OPERATOR, hashed, None)
        await self._database.write(lambda connection: insert_rows(connection, operator, [first]))

    async def operator_password_is_first(self) -> bool:
        """Whether the operator's first password still stands."""
        row = await self._operator_row()
        return row is None or row[1] is None

    async def require(self, context: Context) -> Session:
        """The caller's session. Raises Refused(NOT_LOGGED_IN or SESSION_EXPIRED)."""
        session = await self.present(context)
        if session is None:
            raise Refused(Reason.NOT_LOGGED_IN, hint="interbank login --username NAME")
        return session

    async def require_operator(self, context: Context) -> Session:
        """The operator's session. Raises Refused(NOT_ALLOWED) for anybody else's."""
        session = await self.require(context)
        if not session.is_operator:
            raise Refused(Reason.NOT_ALLOWED, "only the network's operator may do that",
                          hint=f"interbank login --username {OPERATOR}")  # fmt: skip
        return session

    async def present(self, context: Context) -> Session | None:
        """The caller's session, or None if he sent no token that anybody knows. Raises Refused(SESSION_EXPIRED)."""
        token = _token(context)
        if not token:
            return None
        hashed = _hash(token)
        session = self._remembered.get(hashed)
        if session is None:
            session = await self._database.read(lambda connection: _load(connection, hashed))
            if session is None:
                return None
        return await self._use(session)

    async def open_operators(self, password: str, device: str) -> tuple[str, Session] | None:
        """A new session of the operator, or None if that is not his password. One that is changed at this moment opens
        no session that outlives the change."""
        row = await self._operator_row()
        if not await self.operator_matches(password):
            return None

        def still_his(connection: Connection) -> None:
            if _load_operator(connection) != row:
                raise Refused(Reason.WRONG_CREDENTIALS)

        return await self.open(OPERATOR, device, {}, provided=still_his)

    async def open(
        self,
        username: str,
        device: str,
        access: dict[str, Access],
        *,
        provided: Callable[[Connection], None] = lambda _connection: None,
    ) -> tuple[str, Session]:
        """A new session; returns its token, which is kept nowhere. Raises what `provided` raises, before it is made."""
        token = base64.urlsafe_b64encode(self._entropy(TOKEN_BYTES)).rstrip(b"=").decode()
        now = self._clock.now_us()
        session = Session(
            self._entropy(8).hex(), _hash(token), username, device[:64], now, now, now + AGE_LIMIT_DAYS * DAY_US, access
        )

        def write(connection: Connection) -> None:
            provided(connection)
            insert_rows(connection, sessions, [(*(getattr(session, column.name) for column in _COLUMNS), None)])
            for bank, granted in access.items():
                _write_access(connection, session.session_id, bank, granted)

        await self._database.write(write)
        self._remember(session)
        return token, session

    async def add_access(self, session: Session, bank: str, granted: Access) -> Session:
        """Another bank has granted this session access."""
        await self._database.write(lambda connection: _write_access(connection, session.session_id, bank, granted))
        latest = self._remembered.get(session.token_hash, session)
        extended = replace(latest, access={**latest.access, bank: granted})
        self._remember(extended)
        return extended

    async def over(self) -> list[Session]:
        """Sessions that ended by time and still hold what banks granted them."""
        now = self._clock.now_us()
        return await self._database.read(lambda connection: _load_over(connection, now, now - self._idle_limit_us))

    async def remove_access(self, session: Session, bank: str) -> None:
        """Forget what a bank granted a session that is over."""
        await self._database.write(
            lambda connection: _FORGET_ACCESS.rows(connection, session=session.session_id, at=bank)
        )

    async def end(self, session: Session) -> None:
        """End a session at once."""
        now = self._clock.now_us()
        self._ended[session.token_hash] = None
        _keep_newest(self._ended)
        self._remembered.pop(session.token_hash, None)
        await self._database.write(
            lambda connection: connection.execute(
                update(sessions).where(sessions.c.session_id == session.session_id).values(ended_at=now)
            )
        )

    async def of_user(self, username: str) -> list[Session]:
        """A user's sessions that have not ended, newest first."""
        now = self._clock.now_us()
        found = await self._database.read(lambda connection: _load_all(connection, username))
        current = [self._remembered.get(session.token_hash, session) for session in found]
        return [session for session in current if min(session.ends_at, self.idle_end(session)) > now]

    def idle_end(self, session: Session) -> int:
        """When the session ends if it is not used again."""
        return session.used_at + self._idle_limit_us

    async def operator_matches(self, password: str) -> bool:
        """Whether this is the operator's password. Raises Refused(LOGIN_THROTTLED)."""
        self._throttle.require_patience(OPERATOR)
        row = await self._operator_row()
        matches = await self._passwords.matches(password, row[0] if row else None)
        (self._throttle.succeeded if matches else self._throttle.failed)(OPERATOR)
        return matches

    async def refuse_as_a_password(self, username: str, password: str) -> None:
        """For a name that nobody has: the answer comes no sooner, and is slowed down no later, than for one that
        somebody has. Raises Refused(LOGIN_THROTTLED)."""
        self._throttle.require_patience(username)
        await self._passwords.matches(password, None)
        self._throttle.failed(username)

    async def change_operator_password(self, session: Session, old: str, new: str) -> None:
        """Replace the operator's password; his other sessions end.

        Raises Refused with WRONG_CREDENTIALS, PASSWORD_TOO_SHORT or PASSWORD_TOO_LONG.
        """
        check_password(new, "new_password")
        if not await self.operator_matches(old):
            raise Refused(Reason.WRONG_CREDENTIALS)
        hashed, now = await self._passwords.hash(new), self._clock.now_us()
        await self._database.write(
            lambda connection: connection.execute(update(operator).values(password_hash=hashed, changed_at=now))
        )
        for other in await self.of_user(OPERATOR):
            if other.session_id != session.session_id:
                await self.end(other)

    async def _use(self, session: Session) -> Session | None:
        now = self._clock.now_us()
        if now >= self.idle_end(session) or now >= session.ends_at:
            self._remembered.pop(session.token_hash, None)
            idle = now >= self.idle_end(session)
            raise Refused(
                Reason.SESSION_EXPIRED,
                f"the session of {session.username} ended "
                + (f"after {self._idle_limit_us // DAY_US} days without use" if idle else "by its age"),
                hint=f"interbank login --username {session.username}",
            )
        if now - session.used_at >= _USE_NOTED_EVERY_US:
            await self._database.write(
                lambda connection: connection.execute(
                    update(sessions).where(sessions.c.session_id == session.session_id).values(used_at=now)
                )
            )
            latest = self._remembered.get(session.token_hash, session)  # another bank may have granted access meanwhile
            session = replace(latest, used_at=now)
        if session.token_hash in self._ended:
            return None  # a logout overtook this call
        self._remember(session)
        return session

    def _remember(self, session: Session) -> None:
        self._remembered[session.token_hash] = session
        _keep_newest(self._remembered)

    async def _operator_row(self) -> tuple[str, int | None] | None:
        return await self._database.read(_load_operator)


def _keep_newest(by_token: dict[bytes, Any]) -> None:
    if len(by_token) > MAX_REMEMBERED:
        del by_token[next(iter(by_token))]


def _token(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization" and isinstance(value, str):
            return value.removeprefix("Bearer ").strip()
    return ""


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


_COLUMNS = tuple(
    sessions.c[name] for name in ("session_id", "token_hash", "username", "device", "opened_at", "used_at", "ends_at")
)
"""The fields of a Session, in their order, but for `access`."""

_BY_TOKEN = Statement(
    select(*_COLUMNS).where(sessions.c.token_hash == bindparam("token_hash"), sessions.c.ended_at.is_(None))
)
_ACCESS = Statement(
    select(session_grants.c.bank, session_grants.c.account, session_grants.c.access).where(
        session_grants.c.session_id == bindparam("session_id")
    )
)
_FORGET_ACCESS = Statement(
    delete(session_grants).where(
        session_grants.c.session_id == bindparam("session"), session_grants.c.bank == bindparam("at")
    )
)
_OVER = Statement(
    select(*_COLUMNS)
    .where(
        sessions.c.ended_at.is_(None),
        (sessions.c.ends_at <= bindparam("now")) | (sessions.c.used_at <= bindparam("idle_since")),
        sessions.c.session_id.in_(select(session_grants.c.session_id)),
    )
    .limit(_OVER_AT_ONCE)
)
_OPERATOR = Statement(select(operator.c.password_hash, operator.c.changed_at))


def _load_operator(connection: Connection) -> tuple[str, int | None] | None:
    rows = _OPERATOR.rows(connection)
    return (rows[0][0], rows[0][1]) if rows else None


def _load(connection: Connection, token_hash: bytes) -> Session | None:
    rows = _BY_TOKEN.rows(connection, token_hash=token_hash)
    return _session(connection, rows[0]) if rows else None


def _load_all(connection: Connection, username: str) -> list[Session]:
    rows = connection.execute(
        select(*_COLUMNS)
        .where(sessions.c.username == username, sessions.c.ended_at.is_(None))
        .order_by(sessions.c.opened_at.desc())
    ).all()
    return [_session(connection, row) for row in rows]


def _load_over(connection: Connection, now: int, idle_since: int) -> list[Session]:
    rows = _OVER.rows(connection, now=now, idle_since=idle_since)
    return [_session(connection, row) for row in rows]


def _session(connection: Connection, row: Sequence[Any]) -> Session:
    """The session of a row of `_COLUMNS`."""
    access = {bank: Access(account, grant) for bank, account, grant in _ACCESS.rows(connection, session_id=row[0])}
    return Session(*(*row, access))


def _write_access(connection: Connection, session_id: str, bank: str, granted: Access) -> None:
    _FORGET_ACCESS.rows(connection, session=session_id, at=bank)
    insert_rows(connection, session_grants, [(session_id, bank, granted.account, granted.grant)])
