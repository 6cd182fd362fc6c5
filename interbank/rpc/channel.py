"""Opens gRPC channels: kept for long, alive when idle, and never in plain text."""

import grpc

from interbank.rpc.server import BANK_MESSAGE_BYTES

_KEPT = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", BANK_MESSAGE_BYTES),
    ("grpc.max_send_message_length", BANK_MESSAGE_BYTES),
    ("grpc.enable_retries", 0),  # what is sent twice is decided by us, never by the transport
    ("grpc.initial_reconnect_backoff_ms", 100),
    # No pause: how long a connection may take to be made, TLS included (github.com/grpc/grpc/issues/33423).
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),
)


def open_peer_channel(address: str, credentials: grpc.ChannelCredentials, *, name: str) -> grpc.aio.Channel:
    """A channel to a server of the network that must prove to be `name`, whatever its address is."""
    return grpc.aio.secure_channel(address, credentials, options=[*_KEPT, ("grpc.ssl_target_name_override", name)])


def open_customer_channel(address: str, credentials: grpc.ChannelCredentials) -> grpc.Channel:
    """A customer's channel to the gateway, which must prove to be the host of `address`."""
    return grpc.secure_channel(address, credentials, options=list(_KEPT))
