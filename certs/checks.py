"""What a certificate must be before a server starts with it. Bytes in, a refusal out; files are read elsewhere.

TLS would refuse most of this too, but one handshake at a time and in words for nobody.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.names import bank_of, is_gateway
from interbank.refusals import Reason, Refused

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

MIN_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1)
_PURPOSES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def parse_key(pem: bytes, where: str) -> PrivateKey:
    """A private key. Raises Refused(CERTIFICATE_UNUSABLE), naming `where` it came from, if it is none, is encrypted, or
    is of a kind that TLS here does not take."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise _unusable(
            f"{where} is protected by a passphrase, which a server cannot type",
            hint=f"openssl pkey -in {where} -out KEY, and protect the file instead (mode 0600)",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(f"{where} holds no private key in PEM form") from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= MIN_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES):
        return key
    # An Ed25519 key loads, and then every handshake fails without a reason.
    raise _unusable(f"{where} holds a key that is neither ECDSA P-256 or P-384 nor RSA of {MIN_RSA_BITS} bits or more")


def parse_certificates(pem: bytes, where: str) -> Sequence[x509.Certificate]:
    """One certificate or several. Raises Refused(CERTIFICATE_UNUSABLE) if there is none, or one that is damaged."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise _unusable(f"{where} holds no certificate in PEM form") from error


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and IP addresses of a certificate; empty without any. The common name is none of them."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)


def is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether this very authority signed the certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def belongs_to(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Whether the key is the one whose public half the certificate names."""
    return certificate.public_key() == key.public_key()


def check_authorities(authorities: Sequence[x509.Certificate], where: str, now: datetime) -> None:
    """Refuse authorities of which none can vouch for anybody now: CERTIFICATE_UNUSABLE. There may be several, an old
    one and its successor."""
    for authority in authorities:
        if not _is_authority(authority):
            raise _unusable(f"{where} holds a certificate that is not an authority's")
    if not any(_is_valid(authority, now) for authority in authorities):
        _check_time(authorities[0], where, now, remedy="a new authority: certs/README.md, Rotation")


def check_leaf(
    leaf: x509.Certificate, key: PrivateKey, authorities: Sequence[x509.Certificate], where: str, now: datetime
) -> None:
    """Refuse a certificate that this network's servers would not accept from one another: CERTIFICATE_UNUSABLE if the
    key is another's, no authority signed it, its time is not now, it lacks a purpose, or it names nobody here."""
    if not belongs_to(leaf, key):
        raise _unusable(f"the key beside {where} is not that certificate's key")
    if not any(is_issued_by(leaf, authority) for authority in authorities):
        raise _unusable(
            f"{where} was not signed by this network's authority", hint="have it signed: interbank ca renew"
        )
    _check_time(leaf, where, now, remedy="interbank ca renew")
    if not _serves_both_ways(leaf):
        raise _unusable(f"{where} lacks serverAuth or clientAuth; each process here is server and client")
    names = names_of(leaf)
    if not is_gateway(names) and bank_of(names) is None:
        raise _unusable(f"{where} names neither the gateway nor one bank, but {', '.join(names) or 'nobody'}")


def _check_time(certificate: x509.Certificate, where: str, now: datetime, *, remedy: str) -> None:
    if now < certificate.not_valid_before_utc:
        raise _unusable(
            f"{where} is valid from {_date(certificate.not_valid_before_utc)}, and it is {_date(now)} here",
            hint="is this computer's clock right?",
        )
    if now > certificate.not_valid_after_utc:
        raise _unusable(f"{where} ended on {_date(certificate.not_valid_after_utc)}", hint=remedy)


def _is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _serves_both_ways(certificate: x509.Certificate) -> bool:
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return all(purpose in purposes for purpose in _PURPOSES)


def _unusable(message: str, *, hint: str = "") -> Refused:
    return Refused(Reason.CERTIFICATE_UNUSABLE, message, hint=hint)


def _date(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
