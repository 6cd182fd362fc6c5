"""What a bank is told at its start."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BankSettings:
    """`counter_open`: customers may deposit and withdraw cash by themselves. `operator_admitted`: the bank takes the
    network operator's acts on the gateway's word."""

    bank: str
    currency: str
    counter_open: bool
    operator_admitted: bool
