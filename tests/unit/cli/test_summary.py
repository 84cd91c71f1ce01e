"""What a run tells of many faults: each once."""

from stocks.cli.summary import show_errors
from stocks.errors import CorruptObject, QuotaSpent, StocksError, UnknownSymbol
from stocks.report import Report


class Told(Report):
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []

    def fail(self, subject: str, error: StocksError) -> None:
        self.faults.append((subject, str(error)))


def told(errors: dict[str, StocksError]) -> list[tuple[str, str]]:
    report = Told()
    show_errors(report, errors)
    return report.faults


def test_two_thousand_unknown_tickers_are_one_fault() -> None:
    unknown = {f"T{n}": UnknownSymbol(f"T{n}: the provider does not know it.", hint="Look.") for n in range(2000)}
    assert told({**unknown, "IBM": CorruptObject("IBM: a checksum is off.")}) == [
        ("T0, T1, T2, T3, T4 and 1,995 more", "the provider does not know it. Look."),
        ("IBM", "IBM: a checksum is off."),
    ]


def test_a_fault_that_several_share_names_them_all_while_they_are_few() -> None:
    spent = QuotaSpent("The day's 25 requests are spent.")
    assert told({"IBM (alphavantage)": spent, "FB (alphavantage)": spent}) == [
        ("IBM (alphavantage), FB (alphavantage)", "The day's 25 requests are spent.")
    ]
