"""Certificates: who is let in, who is not, and what stops a server before it starts."""

import itertools
import os
import stat
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from certs.authority import LEAF_DAYS, Pair, create_authority, issue, read_leaf, read_signer, renew
from certs.checks import is_issued_by, names_of
from certs.credentials import Credentials, read_authority, read_credentials
from certs.names import GATEWAY_NAME, bank_name, bank_of, check_host, gateway_names, is_gateway
from interbank.refusals import Reason, Refused
from tests.contracts.handshakes import call_as_customer, call_as_peer, serving

NORTH = bank_name("NORTH")
SOUTH = bank_name("SOUTH")


@dataclass(frozen=True)
class Network:
    """An authority and leaves in a directory."""

    directory: Path

    @property
    def authority(self) -> Pair:
        return Pair(self.directory / "ca" / "ca.crt", self.directory / "ca" / "ca.key")

    def leaf(self, name: str) -> Pair:
        return Pair(self.directory / name / "leaf.crt", self.directory / name / "leaf.key")

    def read(self, name: str) -> Credentials:
        leaf = self.leaf(name)
        return read_credentials(leaf.certificate, leaf.key, self.authority.certificate)

    def unchecked(self, name: str) -> Credentials:
        """As an attacker would use it: without our own checks."""
        leaf = self.leaf(name)
        return Credentials(
            leaf.certificate.read_bytes(), leaf.key.read_bytes(), self.authority.certificate.read_bytes()
        )


def make_network(directory: Path, *, now: datetime | None = None) -> Network:
    network = Network(directory)
    create_authority(network.authority, now=now)
    issue(network.authority, network.leaf("gateway"), gateway_names(), now=now)
    issue(network.authority, network.leaf("NORTH"), [NORTH], now=now)
    return network


@pytest.fixture
def network(tmp_path: Path) -> Network:
    return make_network(tmp_path / "home")


def refusal(act: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value


# --- who is who


def test_a_bank_and_the_gateway_prove_their_names_to_each_other(network: Network) -> None:
    assert bank_of(names_of(read_leaf(network.leaf("NORTH")))) == "NORTH"
    assert is_gateway(names_of(read_leaf(network.leaf("gateway"))))


async def test_gateway_and_bank_call_each_other_both_ways(network: Network) -> None:
    gateway, bank = network.read("gateway"), network.read("NORTH")

    async with serving(gateway) as address:
        assert bank_of(await call_as_peer(address, bank, name=GATEWAY_NAME)) == "NORTH"
    async with serving(bank) as address:
        assert is_gateway(await call_as_peer(address, gateway, name=NORTH))


async def test_a_customer_needs_the_authoritys_certificate_alone(network: Network) -> None:
    async with serving(network.read("gateway"), require_client=False) as address:
        assert await call_as_customer(address, read_authority(network.authority.certificate)) == []


async def test_a_customer_may_call_the_gateway_by_the_host_it_was_given(tmp_path: Path) -> None:
    network = Network(tmp_path)
    create_authority(network.authority)
    issue(network.authority, network.leaf("gateway"), gateway_names(["pay.example.org", "192.0.2.7"]))

    assert is_gateway(names_of(read_leaf(network.leaf("gateway"))))
    async with serving(network.read("gateway"), require_client=False) as address:
        authority = read_authority(network.authority.certificate)
        await call_as_customer(address, authority, name="pay.example.org")
        with pytest.raises(grpc.aio.AioRpcError):
            await call_as_customer(address, authority, name="pay.example.net")


# --- who is not let in


async def refused_by_tls(call: object) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_caller_of_another_authority_is_refused(network: Network, tmp_path: Path) -> None:
    stranger = make_network(tmp_path / "elsewhere").unchecked("NORTH")
    trusting = Credentials(stranger.certificate, stranger.key, network.unchecked("NORTH").authority)

    async with serving(network.read("gateway")) as address:
        await refused_by_tls(call_as_peer(address, trusting, name=GATEWAY_NAME))


async def test_a_server_of_another_authority_is_refused(network: Network, tmp_path: Path) -> None:
    async with serving(make_network(tmp_path / "elsewhere").read("gateway"), require_client=False) as address:
        await refused_by_tls(call_as_customer(address, read_authority(network.authority.certificate)))


async def test_a_server_with_another_name_is_refused(network: Network) -> None:
    async with serving(network.read("NORTH")) as address:
        await refused_by_tls(call_as_peer(address, network.read("gateway"), name=SOUTH))


async def test_a_caller_without_a_certificate_is_refused(network: Network) -> None:
    async with serving(network.read("gateway")) as address:
        await refused_by_tls(call_as_customer(address, read_authority(network.authority.certificate)))


@pytest.mark.parametrize("purpose", [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
async def test_a_certificate_for_the_other_end_is_refused(network: Network, purpose: x509.ObjectIdentifier) -> None:
    sign_leaf(network, "NORTH", [NORTH], purposes=[purpose])

    message = refusal(lambda: network.read("NORTH")).message
    assert "serverAuth or clientAuth" in message
    if purpose == ExtendedKeyUsageOID.SERVER_AUTH:
        async with serving(network.read("gateway")) as address:
            await refused_by_tls(call_as_peer(address, network.unchecked("NORTH"), name=GATEWAY_NAME))
    else:
        async with serving(network.unchecked("NORTH")) as address:
            await refused_by_tls(call_as_peer(address, network.read("gateway"), name=NORTH))


async def test_a_caller_whose_certificate_has_ended_is_refused(network: Network) -> None:
    sign_leaf(network, "NORTH", [NORTH], begins=days_ago(20), ends=days_ago(1))

    async with serving(network.read("gateway")) as address:
        await refused_by_tls(call_as_peer(address, network.unchecked("NORTH"), name=GATEWAY_NAME))


# --- what stops the start


@pytest.mark.parametrize("missing", ["certificate", "key", "authority"])
def test_a_missing_file_stops_the_start(network: Network, missing: str) -> None:
    path = {
        "certificate": network.leaf("NORTH").certificate,
        "key": network.leaf("NORTH").key,
        "authority": network.authority.certificate,
    }[missing]
    path.unlink()

    refused = refusal(lambda: network.read("NORTH"))
    assert refused.reason is Reason.KEY_FILE_MISSING
    assert f"{path} is missing" in refused.message
    assert "put it back" in refused.hint
    assert "interbank up" not in refused.hint, "it is what up says when it fails"


def test_an_authority_whose_key_is_kept_elsewhere_says_so_when_it_is_needed(network: Network) -> None:
    network.authority.key.unlink()

    refused = refusal(lambda: issue(network.authority, network.leaf("SOUTH"), [SOUTH]))
    assert refused.reason is Reason.KEY_FILE_MISSING
    assert refused.hint.startswith("put it back from where you keep it")
    assert not network.leaf("SOUTH").key.exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o610, 0o602])
def test_a_key_that_others_can_reach_stops_the_start(network: Network, mode: int) -> None:
    key = network.leaf("NORTH").key
    key.chmod(mode)

    refused = refusal(lambda: network.read("NORTH"))
    assert refused.reason is Reason.KEY_FILE_UNSAFE
    assert str(key) in refused.message
    assert f"chmod 600 {key}" in refused.hint


def test_an_authoritys_key_that_others_can_reach_signs_nothing(network: Network) -> None:
    network.authority.key.chmod(0o644)

    refused = refusal(lambda: issue(network.authority, network.leaf("SOUTH"), [SOUTH]))
    assert refused.reason is Reason.KEY_FILE_UNSAFE
    assert not network.leaf("SOUTH").key.exists()


def unusable(network: Network) -> str:
    refused = refusal(lambda: network.read("NORTH"))
    assert refused.reason is Reason.CERTIFICATE_UNUSABLE
    return refused.message


def test_a_certificate_that_has_ended_stops_the_start(network: Network) -> None:
    sign_leaf(network, "NORTH", [NORTH], begins=days_ago(20), ends=days_ago(1))
    assert "ended on" in unusable(network)


def test_a_certificate_whose_time_has_not_come_stops_the_start(network: Network) -> None:
    sign_leaf(network, "NORTH", [NORTH], begins=days_ago(-1), ends=days_ago(-20))
    assert "valid from" in unusable(network)


def test_an_authority_that_has_ended_stops_the_start(tmp_path: Path) -> None:
    network = make_network(tmp_path, now=days_ago(3660))
    assert "ca.crt ended on" in unusable(network)


def test_a_certificate_of_another_authority_stops_the_start(network: Network, tmp_path: Path) -> None:
    other = make_network(tmp_path / "elsewhere").authority
    network.authority.certificate.write_bytes(other.certificate.read_bytes())
    assert "not signed by this network's authority" in unusable(network)


def test_a_certificate_signed_by_another_authority_of_the_same_name_stops_the_start(network: Network) -> None:
    impostor = ec.generate_private_key(ec.SECP256R1())
    sign_leaf(network, "NORTH", [NORTH], signer=impostor)
    assert "not signed by this network's authority" in unusable(network)


def test_a_key_of_another_certificate_stops_the_start(network: Network) -> None:
    network.leaf("NORTH").key.write_bytes(network.leaf("gateway").key.read_bytes())
    assert "not that certificate's key" in unusable(network)


def test_a_leaf_cannot_stand_as_the_authority(network: Network) -> None:
    network.authority.certificate.write_bytes(network.leaf("gateway").certificate.read_bytes())
    assert "not an authority's" in unusable(network)


@pytest.mark.parametrize(
    "names", [["north"], ["north.bank.example.org"], [NORTH, SOUTH], [GATEWAY_NAME, NORTH], ["10.0.0.1"], []]
)
def test_a_certificate_that_names_nobody_here_stops_the_start(network: Network, names: list[str]) -> None:
    sign_leaf(network, "NORTH", names)
    assert "names neither the gateway nor one bank" in unusable(network)


def test_an_encrypted_key_stops_the_start(network: Network) -> None:
    path = network.leaf("NORTH").key
    path.write_bytes(pem_of(load_pem_private_key(path.read_bytes(), None), passphrase=b"a passphrase"))
    assert "protected by a passphrase" in unusable(network)


def nothing_as(kind: bytes) -> bytes:
    """Three zeros in PEM form, under the name of a key or a certificate."""
    return b"-----BEGIN %b-----\nAAAA\n-----END %b-----\n" % (kind, kind)


@pytest.mark.parametrize("garbage", [b"", b"hello", nothing_as(b"PRIVATE KEY")])
def test_a_key_that_is_none_stops_the_start(network: Network, garbage: bytes) -> None:
    network.leaf("NORTH").key.write_bytes(garbage)
    assert "no private key in PEM form" in unusable(network)


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe", nothing_as(b"CERTIFICATE")])
def test_a_certificate_that_is_none_stops_the_start(network: Network, garbage: bytes) -> None:
    network.leaf("NORTH").certificate.write_bytes(garbage)
    assert "no certificate in PEM form" in unusable(network)
    assert refusal(lambda: read_authority(network.leaf("NORTH").certificate)).reason is Reason.CERTIFICATE_UNUSABLE


@pytest.mark.parametrize("kind", ["ed25519", "rsa-1024", "p-521"])
def test_a_kind_of_key_that_tls_here_does_not_take_stops_the_start(network: Network, kind: str) -> None:
    made = {
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "rsa-1024": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505
        "p-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    }[kind]()
    network.leaf("NORTH").key.write_bytes(pem_of(made))
    assert "neither ECDSA P-256 or P-384 nor RSA" in unusable(network)


def test_credentials_never_show_their_key() -> None:
    assert "secret" not in repr(Credentials(b"certificate", b"secret", b"authority"))


# --- what the authority makes


def test_an_authority_signs_leaves_only_and_for_ten_years(network: Network) -> None:
    authority = read_signer(network.authority)
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = authority.extensions.get_extension_for_class(x509.KeyUsage)

    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.digital_signature) == (True, False)
    assert 3650 <= (authority.not_valid_after_utc - datetime.now(UTC)).days <= 3653


def test_a_leaf_lasts_thirteen_months_serves_both_ends_and_is_no_authority(network: Network) -> None:
    leaf = read_leaf(network.leaf("NORTH"))
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

    assert list(names_of(leaf)) == [NORTH]
    assert set(purposes) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert LEAF_DAYS - 1 <= (leaf.not_valid_after_utc - datetime.now(UTC)).days <= LEAF_DAYS


def test_a_leaf_never_outlives_its_authority(tmp_path: Path) -> None:
    network = Network(tmp_path)
    create_authority(network.authority, now=days_ago(3600))
    issue(network.authority, network.leaf("NORTH"), [NORTH])

    assert read_leaf(network.leaf("NORTH")).not_valid_after_utc == read_signer(network.authority).not_valid_after_utc


def test_serial_numbers_do_not_repeat(network: Network) -> None:
    issue(network.authority, network.leaf("SOUTH"), [SOUTH])
    leaves = [network.leaf(name) for name in ("gateway", "NORTH", "SOUTH")]
    assert len({read_leaf(pair).serial_number for pair in (*leaves, network.authority)}) == 4


def test_files_are_private_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_network(tmp_path / "a" / "home")
    finally:
        os.umask(before)

    made = [path for path in tmp_path.rglob("*") if path != tmp_path]
    assert len(made) == 11
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_key_is_never_overwritten(network: Network) -> None:
    before = {path: path.read_bytes() for path in network.directory.rglob("*") if path.is_file()}

    for act in (
        lambda: create_authority(network.authority),
        lambda: issue(network.authority, network.leaf("NORTH"), [NORTH]),
    ):
        assert refusal(act).reason is Reason.KEY_FILE_EXISTS

    assert {path: path.read_bytes() for path in network.directory.rglob("*") if path.is_file()} == before


def test_a_run_that_died_between_key_and_certificate_is_completed_with_that_key(network: Network) -> None:
    leaf = network.leaf("NORTH")
    key = leaf.key.read_bytes()
    leaf.certificate.unlink()

    issue(network.authority, leaf, [NORTH])

    assert leaf.key.read_bytes() == key
    network.read("NORTH")


@pytest.mark.parametrize(
    "names", [[NORTH, SOUTH], [GATEWAY_NAME, NORTH], ["pay.example.org"], ["*.interbank.internal"]]
)
def test_the_authority_signs_for_the_gateway_or_one_bank_and_nobody_else(network: Network, names: list[str]) -> None:
    refused = refusal(lambda: issue(network.authority, network.leaf("odd"), names))
    assert refused.reason is Reason.CERTIFICATE_UNUSABLE
    assert not network.leaf("odd").key.exists()


# --- renewal


@pytest.mark.parametrize(("age", "renewed"), [(0, False), (LEAF_DAYS - 31, False), (LEAF_DAYS - 29, True), (500, True)])
def test_a_certificate_is_renewed_in_its_last_month(tmp_path: Path, age: int, renewed: bool) -> None:
    network = make_network(tmp_path, now=days_ago(age))
    key = network.leaf("NORTH").key.read_bytes()
    before = read_leaf(network.leaf("NORTH"))

    assert renew(network.authority, network.leaf("NORTH")) is renewed

    after = read_leaf(network.leaf("NORTH"))
    assert (after != before) is renewed
    assert names_of(after) == names_of(before)
    assert network.leaf("NORTH").key.read_bytes() == key
    network.read("NORTH")


def test_renewal_adds_the_hosts_that_the_gateway_lacks_and_keeps_the_others(network: Network) -> None:
    gateway = network.leaf("gateway")

    assert renew(network.authority, gateway, names=gateway_names(["pay.example.org"]))
    assert renew(network.authority, gateway, names=gateway_names(["PAY2.example.org", "0:0:0:0:0:0:0:1"]))
    assert not renew(network.authority, gateway, names=gateway_names(["pay.example.org"]))

    assert set(names_of(read_leaf(gateway))) == {*gateway_names(), "pay.example.org", "pay2.example.org"}


def test_renewal_makes_nobody_somebody_else(network: Network) -> None:
    before = network.leaf("NORTH").certificate.read_bytes()
    refused = refusal(lambda: renew(network.authority, network.leaf("NORTH"), names=[SOUTH]))
    assert refused.reason is Reason.CERTIFICATE_UNUSABLE
    assert network.leaf("NORTH").certificate.read_bytes() == before


def test_renewal_signs_what_another_authority_had_signed(network: Network, tmp_path: Path) -> None:
    network.authority.key.parent.rename(tmp_path / "old-ca")
    create_authority(network.authority)

    assert renew(network.authority, network.leaf("NORTH"))
    network.read("NORTH")


def test_nothing_to_renew_needs_no_authoritys_key(network: Network) -> None:
    network.authority.key.unlink()
    assert not renew(network.authority, network.leaf("NORTH"))


async def test_a_new_authority_comes_without_a_pause(network: Network, tmp_path: Path) -> None:
    """The steps of certs/README.md, with a process of each step still running in the next."""
    new = make_network(tmp_path / "new").authority
    old_certificate = network.authority.certificate.read_bytes()
    at_first = network.read("NORTH")

    network.authority.certificate.write_bytes(old_certificate + new.certificate.read_bytes())
    trusting_both = network.read("gateway")
    async with serving(trusting_both) as address:
        await call_as_peer(address, at_first, name=GATEWAY_NAME)

    network.authority.certificate.write_bytes(new.certificate.read_bytes() + old_certificate)
    network.authority.key.write_bytes(new.key.read_bytes())
    assert renew(network.authority, network.leaf("NORTH"))
    assert is_issued_by(read_leaf(network.leaf("NORTH")), read_signer(new))
    async with serving(trusting_both) as address:
        await call_as_peer(address, network.read("NORTH"), name=GATEWAY_NAME)


# --- the rule for names


def test_a_banks_name_is_its_id_in_small_letters() -> None:
    assert bank_name("NORTH") == "north.bank.interbank.internal"
    assert bank_of(["north.bank.interbank.internal"]) == "NORTH"


@pytest.mark.parametrize("bank", ["", "N", "north", "NORTH ", "NORTH.X", "ÉAST", "TWELVELETTER", "*"])
def test_what_is_no_bank_id_has_no_name(bank: str) -> None:
    assert refusal(lambda: bank_name(bank)).reason in (Reason.BANK_ID_MALFORMED, Reason.FIELD_REQUIRED)


@pytest.mark.parametrize(
    "names",
    [
        [],
        [NORTH, SOUTH],
        [NORTH, NORTH],
        [NORTH, "localhost"],
        [GATEWAY_NAME],
        ["NORTH.bank.interbank.internal"],
        ["n.bank.interbank.internal"],
        ["twelveletter.bank.interbank.internal"],
        ["*.bank.interbank.internal"],
        ["north.bank.interbank.internal."],
        ["north.bank.interbank.internal\n"],
        ["north.bank.interbank.internal.example.org"],
        ["a.north.bank.interbank.internal"],
        ["northxbankxinterbankxinternal"],
        ["north.bank.interbankxinternal"],
        ["nörth.bank.interbank.internal"],
        ["n0rt\u0661.bank.interbank.internal"],
    ],
)
def test_a_bank_is_never_read_out_of_names_outside_the_rule(names: list[str]) -> None:
    assert bank_of(names) is None


@given(st.text(alphabet=st.sampled_from(string.printable + "\u00e9\u017f\u212a\u0661"), max_size=40))
def test_whatever_a_name_is_a_bank_is_read_out_of_it_only_if_it_is_that_banks(text: str) -> None:
    for name in (text, f"{text}.bank.interbank.internal"):
        bank = bank_of([name])
        assert bank is None or bank_name(bank) == name


def test_the_gateway_is_known_by_its_name_and_by_no_other_of_the_network() -> None:
    assert is_gateway(gateway_names(["pay.example.org"]))
    for extra, base in itertools.product(
        [NORTH, "GATEWAY2.interbank.internal", "*.interbank.internal", "interbank.internal."], [[], [GATEWAY_NAME]]
    ):
        assert not is_gateway([*base, extra])
    assert not is_gateway(["localhost", "127.0.0.1"])


@pytest.mark.parametrize("host", ["pay.example.org", "PAY", "192.0.2.7", "2001:db8::1", "xn--bcher-kva.example"])
def test_a_gateway_may_be_called_by_any_host(host: str) -> None:
    check_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "", " ", "pay example", "pay.example.org:50051", "https://pay.example.org", "*.example.org", "-pay", "pay..org",
        "192.0.2.300", "fe80::1%eth0", "büro.example", "\u017f.example", NORTH, "x.interbank.internal", "a" * 64,
        "a." * 130, "INTERBANK.INTERNAL.",
    ],
)  # fmt: skip
def test_a_gateway_is_never_called_by_what_is_no_host_or_a_bank(host: str) -> None:
    assert refusal(lambda: check_host(host)).reason is Reason.HOST_MALFORMED


# --- what the tests make by hand, since our authority refuses to


def days_ago(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def sign_leaf(
    network: Network,
    leaf: str,
    names: list[str],
    *,
    purposes: list[x509.ObjectIdentifier] | None = None,
    begins: datetime | None = None,
    ends: datetime | None = None,
    signer: ec.EllipticCurvePrivateKey | None = None,
) -> None:
    """Replace a leaf's certificate by one that differs from ours in what is asked for alone."""
    authority = read_signer(network.authority)
    key = load_pem_private_key(network.leaf(leaf).key.read_bytes(), None)
    signing = signer or load_pem_private_key(network.authority.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NORTH)]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or days_ago(1))
        .not_valid_after(ends or days_ago(-20))
        .add_extension(x509.ExtendedKeyUsage(purposes or [*_BOTH_PURPOSES]), critical=False)
    )
    if names:
        general = [x509.DNSName(name) for name in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    certificate = builder.sign(signing, hashes.SHA256())
    network.leaf(leaf).certificate.write_bytes(certificate.public_bytes(Encoding.PEM))


_BOTH_PURPOSES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def pem_of(key: object, *, passphrase: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)  # type: ignore[attr-defined, no-any-return]
