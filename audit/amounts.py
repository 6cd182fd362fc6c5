"""Minor units as decimals and times as text. What the files say of a currency's scale is not believed here."""

from datetime import UTC, datetime, timedelta

# ISO 4217: every other currency of the network has two decimals.
_DECIMALS = {
    code: decimals
    for decimals, codes in {
        0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
        3: "BHD IQD JOD KWD LYD OMR TND",
    }.items()
    for code in codes.split()
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decimals(currency: str) -> int:
    """How many digits follow the point."""
    return _DECIMALS.get(currency, 2)


def decimal(minor_units: int, currency: str) -> str:
    """For programs: (-120455, "EUR") is "-1204.55"."""
    return _written(minor_units, currency, "")


def grouped(minor_units: int, currency: str) -> str:
    """For people: (-120455, "EUR") is "-1,204.55"."""
    return _written(minor_units, currency, ",")


def money(minor_units: int, currency: str) -> str:
    """For people, with the currency: "1,204.55 EUR"."""
    return f"{grouped(minor_units, currency)} {currency}"


def _written(minor_units: int, currency: str, grouping: str) -> str:
    digits = decimals(currency)
    whole, fraction = divmod(abs(minor_units), 10**digits)
    sign = "-" if minor_units < 0 else ""
    point = f".{fraction:0{digits}d}" if digits else ""
    return f"{sign}{whole:{grouping}d}{point}"


def moment(microseconds: int) -> str:
    """Microseconds since 1970 as "2026-11-22T14:02:11.204117Z"; the number itself where no calendar has that day."""
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat(timespec="microseconds")[:26] + "Z"
    except OverflowError:
        return str(microseconds)
