"""Single calls from the process that measures, beside the load of the others."""

import contextlib
from collections.abc import Iterator

import grpc

from benchmarks.load import refusals_fail_the_run
from benchmarks.network import Running
from certs.credentials import customer_credentials
from protos.v1 import gateway_pb2_grpc


@contextlib.contextmanager
def gateway(running: Running) -> "Iterator[gateway_pb2_grpc.PaymentServiceStub]":
    """What pays through the gateway of a network that runs. Raises RunFailed for a call that is refused."""
    with (
        refusals_fail_the_run(),
        grpc.secure_channel(running.address, customer_credentials(running.authority)) as channel,
    ):
        yield gateway_pb2_grpc.PaymentServiceStub(channel)
