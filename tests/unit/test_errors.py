"""The tree of errors and its exit codes, which are a contract with Argo and with scripts."""

import inspect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argodbt import errors as dbt_errors
from stocks import errors
from stocks.errors import (
    RETRIED_EXIT_CODES,
    ClusterUnavailable,
    ConfigError,
    CorruptObject,
    DataError,
    KeyRejected,
    MalformedPayload,
    NotEntitled,
    ProviderUnavailable,
    QuotaSpent,
    StocksError,
    StoreUnavailable,
    TerminalError,
    TestsFailed,
    Throttled,
    TransientError,
    UnknownSymbol,
    WarehouseUnavailable,
    exit_code_of,
    settled,
)

CODES = {
    ProviderUnavailable: 75,
    Throttled: 75,
    StoreUnavailable: 75,
    WarehouseUnavailable: 75,
    ClusterUnavailable: 75,
    DataError: 65,
    UnknownSymbol: 65,
    MalformedPayload: 65,
    CorruptObject: 65,
    TestsFailed: 65,
    QuotaSpent: 69,
    ConfigError: 78,
    KeyRejected: 78,
    NotEntitled: 78,
}
ABSTRACT = {StocksError, TransientError, TerminalError}


def test_every_error_is_listed_here() -> None:
    found = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, StocksError)}
    assert found - ABSTRACT == set(CODES)


@pytest.mark.parametrize("kind", CODES)
def test_exit_code_is_the_architectures(kind: type[StocksError]) -> None:
    assert kind("x").exit_code == CODES[kind]


@pytest.mark.parametrize("kind", CODES)
def test_only_transient_errors_are_retried(kind: type[StocksError]) -> None:
    assert issubclass(kind, TransientError) != issubclass(kind, TerminalError)
    assert issubclass(kind, TransientError) == (CODES[kind] in RETRIED_EXIT_CODES)


@pytest.mark.parametrize("kind", CODES)
def test_docstring_shows_the_error_in_its_tree(kind: type[StocksError]) -> None:
    assert kind.__name__ in str(errors.__doc__)


def test_text_is_message_and_hint() -> None:
    assert str(DataError("Wrong.", hint="Mend it.")) == "Wrong. Mend it."
    assert str(DataError("Wrong.")) == "Wrong."


def test_body_is_not_in_the_text() -> None:
    error = MalformedPayload("Wrong.", body=b"<html>")
    assert error.body == b"<html>"
    assert "html" not in str(error) + repr(error)


def test_errors_pass_between_processes() -> None:
    assert str(pickle.loads(pickle.dumps(UnknownSymbol("Wrong.", hint="Mend it.")))) == "Wrong. Mend it."


def test_no_errors_is_ok() -> None:
    assert exit_code_of([]) == 0


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        ([DataError, ConfigError, QuotaSpent, Throttled], 75),
        ([DataError, QuotaSpent, KeyRejected], 78),
        ([UnknownSymbol, QuotaSpent], 69),
        ([UnknownSymbol, MalformedPayload], 65),
        ([StocksError], 70),
        ([StocksError, DataError], 65),
    ],
)
def test_several_errors_end_with_the_code_that_matters_most(kinds: list[type[StocksError]], code: int) -> None:
    assert exit_code_of(kind("x") for kind in kinds) == code
    assert exit_code_of(kind("x") for kind in reversed(kinds)) == code


@given(st.lists(st.sampled_from(list(CODES)), min_size=1))
def test_summary_code_is_one_of_the_errors_own(kinds: list[type[StocksError]]) -> None:
    assert exit_code_of(kind("x") for kind in kinds) in {CODES[kind] for kind in kinds}


@pytest.mark.parametrize(
    ("code", "ends"), [(0, 0), (65, 65), (69, 69), (78, 78), (75, 1), (130, 1), (137, 1), (143, 1)]
)
def test_what_only_sums_up_others_is_not_run_again(code: int, ends: int) -> None:
    assert settled(code) == ends


def test_codes_mean_the_same_to_argodbt() -> None:
    """Its templates carry the expression by which all of our pods are tried again."""
    assert dbt_errors.RETRIED_EXIT_CODES == errors.RETRIED_EXIT_CODES
    assert dbt_errors.KILLED_EXIT_CODES == errors.KILLED_EXIT_CODES
    assert [dbt_errors.settled(code) for code in range(256)] == [settled(code) for code in range(256)]
