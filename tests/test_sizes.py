"""Sizes as people write them."""

import pytest

from openclaw_locust.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("64KiB", 65536),
        (" 1 mib ", 1048576),
        ("2GiB", 2147483648),
        ("500kB", 500_000),
        ("1MB", 1_000_000),
        ("7B", 7),
    ],
)
def test_a_size_has_a_unit_of_its_own_or_is_in_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "KiB", "1.5MiB", "-1", "1k", "1 TiB", "1MiB 2", "9" * 13])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size; write it like 64KiB or 1MiB"):
        parse_size(text)
