"""Which currencies exist and how many decimals each has (ISO 4217, edition of 2026-01-01). No input or output."""

from interbank.refusals import Reason, Refused

_BY_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
        "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
        "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
        "MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP "
        "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG "
        "YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
}
_DECIMALS = {code: decimals for decimals, codes in _BY_DECIMALS.items() for code in codes.split()}


def decimals(currency: str) -> int:
    """How many digits follow the point: 2 for EUR, 0 for JPY, 3 for BHD.

    Raises Refused(CURRENCY_UNKNOWN) for a code that is not in the table.
    """
    found = _DECIMALS.get(currency)
    if found is None:
        raise Refused(
            Reason.CURRENCY_UNKNOWN,
            f'"{currency[:10]}" is not a currency code',
            field="currency",
            hint="three capital letters of ISO 4217, for example EUR",
        )
    return found


def is_known(currency: str) -> bool:
    """Whether the table has this code."""
    return currency in _DECIMALS


def scale(currency: str) -> int:
    """Minor units in one unit: 100 for EUR, 1 for JPY, 1000 for BHD. Raises as `decimals` does."""
    return int(10 ** decimals(currency))
