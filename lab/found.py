"""What the lab has found, with the seed that showed it: each history stays a test."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """A history or a round that once ended wrong, why, and where it was mended."""

    seed: int
    wrong: str
    mended: str


FOUND = (
    Found(
        117,
        "after the journal was lost an order that had been paid was called not accepted, because its payee was frozen "
        "by then",
        "the payer's bank is asked before anything is said for good (`gateway_service/submission.py`, FindOutcomes)",
    ),
    Found(
        11210,
        "a payment that came back although its debit was never heard of stopped the repair of its bank",
        "what was returned had been debited (`gateway_service/recollection.py`)",
    ),
    Found(
        40808,
        "a bank that came back with an old copy faster than the gateway looked was believed what it listed as open",
        "ListOpen within the session (`gateway_service/banks.py`)",
    ),
    Found(
        60802,
        "a debit that was adopted while an order with its key was being accepted broke the link for a moment",
        "looked up and written in one transaction (`gateway_service/pipeline.py`)",
    ),
    Found(
        56,
        "one lost question held up a bank's repair for half a minute",
        "shorter deadlines (`gateway_service/repair.py`)",
    ),
    Found(
        1000778,
        "an order was not accepted, since its payee was frozen; its message came once more when a restored bank had "
        "forgotten the freeze, and was paid. No defect: what is not accepted keeps no key",
        "the checker counts a message that comes twice as an order that is given twice (`lab/promises.py`)",
    ),
    Found(
        2000078,
        "a history was over before every bank had joined the new journal, so one that ran on an old copy was not found "
        "out yet. No defect",
        "the checker waits until every bank is connected and compared (`lab/simulation/history.py`)",
    ),
)
"""Histories of the simulation."""

FOUND_ROUNDS = (
    Found(
        1000600,
        "an order was not final 30 s after the last fault, while two cores had fifteen processes to run; carried out "
        "again beside two others it was final within 8.4 s. No defect",
        "its part of the campaign was run again; a bank finds out within 15 s that the gateway has begun a new journal",
    ),
)
"""Rounds of real processes, which a computer does not carry out twice alike."""
