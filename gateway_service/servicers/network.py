"""NetworkService: the front door for banks, on a port of its own with mutual TLS."""

from certs.names import bank_of
from gateway_service.directory import Directory
from interbank.refusals import Reason, Refused
from interbank.rpc.interceptor import Context, peer_names
from protos.v1 import network_pb2, network_pb2_grpc

REJOIN_AFTER_SECONDS = 15


class NetworkServicer(network_pb2_grpc.NetworkServiceServicer):
    """Banks join; each is who its certificate says."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def Join(self, request: network_pb2.JoinRequest, context: Context) -> network_pb2.JoinResponse:
        """See network.proto."""
        bank = bank_of(peer_names(context))
        if bank is None:
            raise Refused(Reason.BANK_NOT_RECOGNISED)
        await self._directory.join(bank, request.currency, request.address)
        return network_pb2.JoinResponse(bank=bank, rejoin_after_seconds=REJOIN_AFTER_SECONDS)
