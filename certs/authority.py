"""The network's certificate authority: makes it, and signs the certificates of the gateway and the banks.

Keys are made once and never overwritten; only a certificate is ever replaced, in one step. So a crash leaves a pair
that works, or a key whose certificate the next run completes.
"""

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.checks import (
    PrivateKey,
    belongs_to,
    check_authorities,
    is_issued_by,
    names_of,
    parse_certificates,
    parse_key,
)
from certs.key_files import read_certificate_file, read_key_file
from certs.names import bank_of, is_gateway
from interbank.private_files import make_private_directory, replace_file, write_new_file
from interbank.refusals import Reason, Refused

AUTHORITY_DAYS = 3652
LEAF_DAYS = 397
RENEW_DAYS = 30
"""Ten years for the authority, thirteen months for what it signs; renewed within the last month."""

_NO_AUTHORITY = "put it back from your copy of the keys; where there never was one: interbank up"
_NO_AUTHORITY_KEY = "put it back from where you keep it, for as long as it takes to make certificates"

_BACKDATED = timedelta(hours=1)
"""Certificates begin a little before they are made, for computers whose clock is behind."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The two files of one identity."""

    certificate: Path
    key: Path


def create_authority(authority: Pair, *, now: datetime | None = None) -> None:
    """Make the network's authority: a key and a certificate that says so of itself, for ten years.

    Raises Refused(KEY_FILE_EXISTS) if there is one: every certificate that it signed would be worth nothing.
    """
    _refuse_existing(authority, hint="what it signed would end with it; to begin anew, move its directory away first")
    key = _key_of(authority)
    # The random part tells two networks' authorities apart, for people and where two stand in one file.
    name = _name(f"Interbank authority {secrets.token_hex(4)}")
    certificate = (
        _builder(name, name, key, now or _now(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_new(authority.certificate, _pem(certificate))


def issue(authority: Pair, leaf: Pair, names: Sequence[str], *, now: datetime | None = None) -> None:
    """Make a key and a certificate for the gateway (`names.gateway_names()`) or a bank (`names.bank_name()` alone).

    Raises Refused: KEY_FILE_EXISTS if the certificate is there; CERTIFICATE_UNUSABLE if the names are neither the
    gateway's nor one bank's; KEY_FILE_MISSING if the authority's key is, KEY_FILE_UNSAFE if others can read it.
    """
    _refuse_existing(leaf, hint="interbank ca renew gives it a new certificate; for a new key, move both away first")
    now = now or _now()
    # Asked first: a refusal must not leave a key behind for which there will be no certificate.
    signer = _ready_signer(authority, names, now)
    _write_new(leaf.certificate, _sign(signer, _key_of(leaf), names, now))


def renew(authority: Pair, leaf: Pair, *, names: Sequence[str] = (), now: datetime | None = None) -> bool:
    """Sign the leaf's key anew if its certificate ends within 30 days, lacks one of `names`, or was signed by another
    authority than the present one. The key and the names it had stay. Returns whether there is a new certificate.

    Raises Refused as `issue` does, and KEY_FILE_MISSING if the leaf is.
    """
    now = now or _now()
    old = read_leaf(leaf)
    wanted = tuple(dict.fromkeys((*names_of(old), *map(_canonical, names))))
    if not is_due(old, now) and set(wanted) == set(names_of(old)) and is_issued_by(old, read_signer(authority)):
        return False
    key = parse_key(read_key_file(leaf.key), str(leaf.key))
    replace_file(leaf.certificate, _sign(_ready_signer(authority, wanted, now), key, wanted, now))
    return True


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether a certificate ends within 30 days, or has ended."""
    return certificate.not_valid_after_utc - now <= timedelta(days=RENEW_DAYS)


def read_leaf(leaf: Pair) -> x509.Certificate:
    """A leaf's certificate. Raises Refused: KEY_FILE_MISSING, or CERTIFICATE_UNUSABLE if it is damaged."""
    return parse_certificates(read_certificate_file(leaf.certificate), str(leaf.certificate))[0]


def read_signer(authority: Pair) -> x509.Certificate:
    """The certificate that signs: the authority's first one. Those after it are trusted, no more. Raises as `read_leaf`
    does."""
    pem = read_certificate_file(authority.certificate, missing=_NO_AUTHORITY)
    return parse_certificates(pem, str(authority.certificate))[0]


@dataclass(frozen=True, slots=True)
class _Signer:
    certificate: x509.Certificate
    key: PrivateKey


def _ready_signer(authority: Pair, names: Sequence[str], now: datetime) -> _Signer:
    """The authority, if it can sign these names now."""
    canonical = tuple(map(_canonical, names))
    if not is_gateway(canonical) and bank_of(canonical) is None:
        raise Refused(Reason.CERTIFICATE_UNUSABLE, f"{', '.join(canonical)}: neither the gateway nor one bank")
    certificate = read_signer(authority)
    check_authorities([certificate], str(authority.certificate), now)
    key = parse_key(read_key_file(authority.key, missing=_NO_AUTHORITY_KEY), str(authority.key))
    if not belongs_to(certificate, key):
        raise Refused(
            Reason.CERTIFICATE_UNUSABLE, f"{authority.key} is not the key of the first one in {authority.certificate}"
        )
    return _Signer(certificate, key)


def _sign(signer: _Signer, key: PrivateKey, names: Sequence[str], now: datetime) -> bytes:
    names = tuple(map(_canonical, names))
    issuer_key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    certificate = (
        _builder(
            _name(names[0]),
            signer.certificate.subject,
            key,
            now,
            LEAF_DAYS,
            latest=signer.certificate.not_valid_after_utc,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(issuer_key_id, critical=False)
        .sign(signer.key, hashes.SHA256())
    )
    return _pem(certificate)


def _refuse_existing(pair: Pair, *, hint: str) -> None:
    if pair.certificate.exists():
        raise Refused(Reason.KEY_FILE_EXISTS, f"{pair.certificate} is there already", hint=hint)


def _key_of(pair: Pair) -> PrivateKey:
    """The pair's key: the one that an interrupted run left, else a new one."""
    make_private_directory(pair.key.parent)
    make_private_directory(pair.certificate.parent)
    if pair.key.exists():
        return parse_key(read_key_file(pair.key), str(pair.key))
    key = ec.generate_private_key(ec.SECP256R1())
    _write_new(pair.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def _write_new(path: Path, pem: bytes) -> None:
    try:
        write_new_file(path, pem)
    except FileExistsError as error:
        raise Refused(Reason.KEY_FILE_EXISTS, f"{path} was made by somebody else at this very moment") from error


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, now: datetime, days: int, *, latest: datetime | None = None
) -> x509.CertificateBuilder:
    end = now + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(min(end, latest) if latest else end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _canonical(name: str) -> str:
    """A name as it will be read back from the certificate: `::1` for `0:0:0:0:0:0:0:1`, small letters for capitals."""
    general = _general_name(name)
    return str(general.value)


def _general_name(name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.lower())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _now() -> datetime:
    return datetime.now(UTC)
