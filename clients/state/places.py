"""Where a client finds its network, and where it keeps what it remembers."""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from certs.credentials import read_authority
from clients.launcher.network_file import read_network
from interbank.refusals import Reason, Refused


@dataclass(frozen=True, slots=True)
class Network:
    """The gateway's address for customers, "host:port", and the network's CA certificate in PEM, with its file."""

    address: str
    authority: bytes
    authority_file: Path

    @property
    def fingerprint(self) -> str:
        """Names the network: whoever has another CA is another network, and must not see this one's tokens."""
        return hashlib.sha256(self.authority).hexdigest()


def find_network(home: Path, *, gateway: str | None = None, ca: Path | None = None) -> Network:
    """The network of a home, or the parts of it that were named. Raises Refused: HOME_EMPTY, FILE_MALFORMED,
    CERTIFICATE_UNUSABLE."""
    authority_file = ca or home / "ca" / "ca.crt"
    address = gateway or _address(home)
    if not authority_file.exists():
        raise _no_network(home) if ca is None else Refused(Reason.HOME_EMPTY, f"there is no CA certificate at {ca}")
    return Network(address, read_authority(authority_file), authority_file)


def client_directory(home: Path | None, state_directory: Path, profile: str) -> Path:
    """Where a profile's sessions and orders are kept: under the home that was named, else in the user's state
    directory."""
    return (home / "client" if home else state_directory / "client") / profile


def _address(home: Path) -> str:
    """Of a network elsewhere the file may say no more than `[gateway] customers`; else `interbank up` wrote it."""
    path = home / "network.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _no_network(home) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(Reason.FILE_MALFORMED, f"{path} cannot be read: {error}") from error
    gateway = document.get("gateway", {})
    address = gateway.get("customers") if isinstance(gateway, dict) else None
    if isinstance(address, str):
        return address
    network = read_network(path)
    if network is None:
        raise _no_network(home)
    return network.customers_address


def _no_network(home: Path) -> Refused:
    return Refused(
        Reason.HOME_EMPTY,
        f"there is no network in {home}",
        hint="start one with interbank up --demo --detach, or name yours with --home DIR",
    )
