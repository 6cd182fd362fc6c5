"""What gRPC is given: PEM files in, credentials out. Every file is required and nothing fails open: a file that is
missing, unsafe or wrong stops the start with a reason."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc

from certs.key_files import read_certificate_file, read_key_file
from interbank.refusals import Reason, Refused


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a process is, in PEM: its certificate and key, and the authority whose word it takes for others."""

    certificate: bytes
    key: bytes
    authority: bytes

    def __repr__(self) -> str:
        """Without the key, which must not reach a log."""
        return "Credentials(...)"


def read_credentials(certificate: Path, key: Path, authority: Path) -> Credentials:
    """Read a process's credentials and check that they will work.

    Raises Refused: KEY_FILE_MISSING; KEY_FILE_UNSAFE if the key can be read by others; CERTIFICATE_UNUSABLE if the key
    is encrypted or none, the certificate is not that key's, is not valid now, was not signed by the authority, is not
    good for both ends of a connection, or names neither the gateway nor one bank.
    """
    # Servers alone come here; a client that only reads the authority's certificate starts 0.1 s faster without this.
    from certs import checks

    now = datetime.now(UTC)
    credentials = Credentials(read_certificate_file(certificate), read_key_file(key), read_certificate_file(authority))
    authorities = checks.parse_certificates(credentials.authority, str(authority))
    checks.check_authorities(authorities, str(authority), now)
    private = checks.parse_key(credentials.key, str(key))
    leaf = checks.parse_certificates(credentials.certificate, str(certificate))[0]
    checks.check_leaf(leaf, private, authorities, str(certificate), now)
    return credentials


def read_authority(path: Path) -> bytes:
    """Read the authority's certificate, which is all that a customer needs to trust the gateway.

    Raises Refused: KEY_FILE_MISSING, or CERTIFICATE_UNUSABLE if it is no certificate.
    """
    authority = read_certificate_file(path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=authority.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise Refused(Reason.CERTIFICATE_UNUSABLE, f"{path} holds no certificate in PEM form") from error
    return authority


def server_credentials(credentials: Credentials, *, require_client: bool) -> grpc.ServerCredentials:
    """For a server. With `require_client` a caller without a certificate of the authority gets no connection."""
    return grpc.ssl_server_credentials(
        [(credentials.key, credentials.certificate)],
        root_certificates=credentials.authority if require_client else None,
        require_client_auth=require_client,
    )


def peer_credentials(credentials: Credentials) -> grpc.ChannelCredentials:
    """For a channel between gateway and bank: both sides show a certificate."""
    return grpc.ssl_channel_credentials(credentials.authority, credentials.key, credentials.certificate)


def customer_credentials(authority: bytes) -> grpc.ChannelCredentials:
    """For a customer's channel: the gateway shows a certificate, the customer logs in."""
    return grpc.ssl_channel_credentials(authority)
