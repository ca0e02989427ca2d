"""Sizes: what is read, what is printed, and that the one is the other's way back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devbox.units import Size


@pytest.mark.parametrize(
    "text, size",
    [
        ("4096", 4096),
        ("0B", 0),
        ("1K", 1024),
        ("1.5 GiB", 3 * 2**29),
        ("512M", 2**29),
        (" 2GiB ", 2**31),
        ("16TiB", 2**44),
    ],
)
def test_reads_what_people_write(text: str, size: int) -> None:
    assert Size.parse(text) == size


@pytest.mark.parametrize(
    "text", ["", "GiB", "-1GiB", "2 gib", "2GB", "1e3", "1,5GiB", "٣GiB", "0.3B", "0x10", "1GiBGiB"]
)
def test_refuses_the_rest_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"no size|whole number"):
        Size.parse(text)


@pytest.mark.parametrize(
    "size, text",
    [(0, "0B"), (1, "1B"), (1000, "1000B"), (2**31, "2GiB"), (2**31 + 2**20, "2049MiB"), (2**40, "1TiB")],
)
def test_prints_the_largest_unit_that_divides_it(size: int, text: str) -> None:
    assert str(Size(size)) == text
    assert f"{Size(size)}" == text


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_what_is_printed_reads_as_the_same_size(size: int) -> None:
    assert Size.parse(str(Size(size))) == size


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=2**50))
def test_mebibytes_are_never_too_few(size: int) -> None:
    mib = Size(size).mib
    assert mib * 2**20 >= size
    assert (mib - 1) * 2**20 < size
