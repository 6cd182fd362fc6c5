"""SessionService: who the caller is."""

from gateway_service.directory import Directory
from gateway_service.grants import PASSWORD_DEADLINE, Grants
from gateway_service.rendering import session_message
from gateway_service.sessions import OPERATOR, Access, Session, Sessions
from interbank.orders import check_bank_id, check_username
from interbank.refusals import Reason, Refused
from interbank.rpc.interceptor import Context
from protos.v1 import bank_pb2, gateway_pb2, gateway_pb2_grpc


class SessionServicer(gateway_pb2_grpc.SessionServiceServicer):
    """Logins, logouts, registrations, passwords."""

    def __init__(self, sessions: Sessions, directory: Directory, grants: Grants) -> None:
        self._sessions = sessions
        self._grants = grants
        self._directory = directory

    async def Login(self, request: gateway_pb2.LoginRequest, context: Context) -> gateway_pb2.LoginResponse:
        """See gateway.proto."""
        if request.username == OPERATOR:
            return await self._login_operator(request)
        check_username(request.username)
        bank = request.bank or await self._first_bank(request.username)
        if not bank:
            await self._sessions.refuse_as_a_password(request.username, request.password)
            raise _wrong_credentials()
        access = await self._granted(request.username, request.password, bank)
        registered = await self._directory.registrations_of(request.username)
        if not any((found.bank, found.account) == (bank, access.account) for found in registered):
            await self._grants.revoke(bank, access)
            raise _wrong_credentials()
        present = await self._present(context)
        if present is not None and present.username == request.username:
            earlier = present.access.get(bank)
            extended = await self._sessions.add_access(present, bank, access)
            if earlier is not None:
                await self._grants.revoke(bank, earlier)
            return gateway_pb2.LoginResponse(session=session_message(self._sessions, extended, extended))
        token, session = await self._sessions.open(request.username, request.device, {bank: access})
        return gateway_pb2.LoginResponse(token=token, session=session_message(self._sessions, session, session))

    async def Logout(self, request: gateway_pb2.LogoutRequest, context: Context) -> gateway_pb2.LogoutResponse:
        """See gateway.proto."""
        await self._grants.end(await self._sessions.require(context))
        return gateway_pb2.LogoutResponse()

    async def ListSessions(
        self, request: gateway_pb2.ListSessionsRequest, context: Context
    ) -> gateway_pb2.ListSessionsResponse:
        """See gateway.proto."""
        current = await self._sessions.require(context)
        found = await self._sessions.of_user(current.username)
        return gateway_pb2.ListSessionsResponse(
            sessions=[session_message(self._sessions, session, current) for session in found]
        )

    async def RevokeSession(
        self, request: gateway_pb2.RevokeSessionRequest, context: Context
    ) -> gateway_pb2.RevokeSessionResponse:
        """See gateway.proto."""
        current = await self._sessions.require(context)
        found = await self._sessions.of_user(current.username)
        wanted = next((session for session in found if session.session_id == request.session_id), None)
        if wanted is None:
            raise Refused(Reason.SESSION_NOT_FOUND, field="session_id", hint="interbank sessions")
        await self._grants.end(wanted)
        return gateway_pb2.RevokeSessionResponse()

    async def WhoAmI(self, request: gateway_pb2.WhoAmIRequest, context: Context) -> gateway_pb2.WhoAmIResponse:
        """See gateway.proto."""
        session = await self._sessions.require(context)
        return gateway_pb2.WhoAmIResponse(
            session=session_message(self._sessions, session, session), operator=session.is_operator
        )

    async def Register(self, request: gateway_pb2.RegisterRequest, context: Context) -> gateway_pb2.RegisterResponse:
        """See gateway.proto."""
        check_username(request.username)
        check_bank_id(request.bank)
        if request.username == OPERATOR:
            raise Refused(Reason.USERNAME_TAKEN, field="username")
        link = self._directory.link(request.bank)
        present = await self._present(context)
        own = present is not None and present.username == request.username
        # The password is checked before anything is said of names, so that nobody learns who is registered here.
        access = await self._granted(request.username, request.password, request.bank)
        try:
            if access.account != request.account:
                raise Refused(
                    Reason.ACCOUNT_NOT_FOUND,
                    f"{request.bank} {request.account} is not an account of {request.username}",
                    field="account",
                )
            await self._directory.register(request.username, request.bank, request.account, known_user=own)
            shown = await link.call(
                "ListAccounts", bank_pb2.ListAccountsRequest(authority=bank_pb2.Authority(grant=access.grant))
            )
        finally:
            await self._grants.revoke(request.bank, access)
        return gateway_pb2.RegisterResponse(account=shown.accounts[0])

    async def ChangePassword(
        self, request: gateway_pb2.SessionServiceChangePasswordRequest, context: Context
    ) -> gateway_pb2.SessionServiceChangePasswordResponse:
        """See gateway.proto."""
        session = await self._sessions.require(context)
        if session.is_operator:
            await self._sessions.change_operator_password(session, request.old_password, request.new_password)
            return gateway_pb2.SessionServiceChangePasswordResponse()
        bank = request.bank or await self._first_bank(session.username)
        access = session.access.get(bank)
        if access is None:
            raise Refused(Reason.NOT_LOGGED_IN_AT_BANK, field="bank", hint=f"interbank login --bank {bank}")
        await self._directory.link(bank).call(
            "ChangePassword",
            bank_pb2.ChangePasswordRequest(
                grant=access.grant, old_password=request.old_password, new_password=request.new_password
            ),
            deadline=PASSWORD_DEADLINE,
        )
        for other in await self._sessions.of_user(session.username):
            if other.session_id != session.session_id and bank in other.access:
                await self._grants.end(other)
        return gateway_pb2.SessionServiceChangePasswordResponse()

    async def _login_operator(self, request: gateway_pb2.LoginRequest) -> gateway_pb2.LoginResponse:
        opened = await self._sessions.open_operators(request.password, request.device)
        if opened is None:
            raise _wrong_credentials()
        token, session = opened
        return gateway_pb2.LoginResponse(token=token, session=session_message(self._sessions, session, session))

    async def _present(self, context: Context) -> Session | None:
        """The caller's session where he need not have one: one that is over is as good as none."""
        try:
            return await self._sessions.present(context)
        except Refused:
            return None

    async def _first_bank(self, username: str) -> str:
        """The bank that a user registered first; empty if he did not register at any."""
        registered = await self._directory.registrations_of(username)
        return registered[0].bank if registered else ""

    async def _granted(self, username: str, password: str, bank: str) -> Access:
        try:
            return await self._grants.open(username, password, bank)
        except Refused as refused:
            raise _wrong_credentials() if refused.reason is Reason.WRONG_CREDENTIALS else refused from None


def _wrong_credentials() -> Refused:
    """The same words whether the user is unknown, not registered, or gave a wrong password."""
    return Refused(Reason.WRONG_CREDENTIALS, hint="new in this network? interbank register --help")
