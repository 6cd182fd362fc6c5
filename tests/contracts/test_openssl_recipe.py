"""The openssl recipe of certs/README.md: its very commands are run, and what they make is used."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from certs.authority import Pair, issue, read_leaf, read_signer, renew
from certs.checks import names_of
from certs.credentials import Credentials, read_authority, read_credentials
from certs.names import GATEWAY_NAME, bank_name, bank_of, gateway_names, is_gateway
from tests.contracts.handshakes import call_as_customer, call_as_peer, serving

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "certs" / "README.md"
NORTH = bank_name("NORTH")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home that a person gets who types the recipe from top to bottom."""
    home = tmp_path_factory.mktemp("six banks") / "home"
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```$", README.read_text(), flags=re.MULTILINE | re.DOTALL))
    assert script.count("openssl x509 -req") == 2
    environment = {"PATH": os.environ["PATH"], "INTERBANK_HOME": str(home)}
    done = subprocess.run(
        ["sh", "-eu"], input=script, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "gateway/gateway.crt: OK" in done.stdout
    assert "banks/NORTH/bank.crt: OK" in done.stdout
    return home


def authority(home: Path) -> Pair:
    return Pair(home / "ca" / "ca.crt", home / "ca" / "ca.key")


def gateway(home: Path) -> Pair:
    return Pair(home / "gateway" / "gateway.crt", home / "gateway" / "gateway.key")


def bank(home: Path, bank_id: str = "NORTH") -> Pair:
    return Pair(home / "banks" / bank_id / "bank.crt", home / "banks" / bank_id / "bank.key")


def read(home: Path, leaf: Pair) -> Credentials:
    return read_credentials(leaf.certificate, leaf.key, authority(home).certificate)


@pytest.mark.slow
async def test_what_the_recipe_makes_connects_gateway_and_bank_both_ways(home: Path) -> None:
    async with serving(read(home, gateway(home))) as address:
        assert bank_of(await call_as_peer(address, read(home, bank(home)), name=GATEWAY_NAME)) == "NORTH"
    async with serving(read(home, bank(home))) as address:
        assert is_gateway(await call_as_peer(address, read(home, gateway(home)), name=NORTH))


@pytest.mark.slow
async def test_what_the_recipe_makes_serves_customers(home: Path) -> None:
    async with serving(read(home, gateway(home)), require_client=False) as address:
        await call_as_customer(address, read_authority(authority(home).certificate))


@pytest.mark.slow
def test_the_recipe_makes_what_our_own_command_makes_but_for_the_kind_of_key(home: Path) -> None:
    assert set(names_of(read_leaf(gateway(home)))) == set(gateway_names())
    assert list(names_of(read_leaf(bank(home)))) == [NORTH]
    for pair in (authority(home), gateway(home), bank(home)):
        key = read_leaf(pair).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        assert key.key_size == 2048
        assert pair.key.stat().st_mode & 0o777 == 0o600
        assert pair.key.parent.stat().st_mode & 0o777 == 0o700
    constraints = read_signer(authority(home)).extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)


@pytest.mark.slow
async def test_our_own_command_carries_on_with_what_the_recipe_made(home: Path, tmp_path: Path) -> None:
    home = shutil.copytree(home, tmp_path / "home")
    issue(authority(home), bank(home, "SOUTH"), [bank_name("SOUTH")])
    key = gateway(home).key.read_bytes()
    assert renew(authority(home), gateway(home), names=gateway_names(["pay.example.org"]))

    assert gateway(home).key.read_bytes() == key
    async with serving(read(home, gateway(home))) as address:
        assert bank_of(await call_as_peer(address, read(home, bank(home, "SOUTH")), name=GATEWAY_NAME)) == "SOUTH"
