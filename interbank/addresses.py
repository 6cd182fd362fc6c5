"""HOST:PORT, as processes of the network call each other. No input or output."""

import re

from interbank.refusals import Reason, Refused

_ADDRESS = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})", re.ASCII)
"""What is dialled: a name or an IP address and a port, and none of the other things that gRPC takes for a target."""


def check_address(address: str) -> None:
    """Refuse what cannot be dialled: ADDRESS_MALFORMED."""
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[1]) < 65536:
        raise Refused(Reason.ADDRESS_MALFORMED, f'"{address[:80]}" is not HOST:PORT', field="address")
