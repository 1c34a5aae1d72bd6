"""Amounts as people read them.

shares, dollars, counts, bytes, seconds  ->  text
"""

from __future__ import annotations

import math

DASH = "\N{EN DASH}"
"""Stands where there is nothing to say."""


def percent(share: float | None) -> str:
    """Return a share between 0 and 1 as people read it, a dash for None."""
    return DASH if share is None else f"{share:.1%}"


def share(part: float) -> str:
    """Return a share between 0 and 1 that may be tiny or nearly all, never rounded to either."""
    if 0 < part < 0.001:
        return "under 0.1%"
    return "over 99.9%" if 0.999 < part < 1 else f"{part:.1%}"


def points(share: float) -> str:
    """Return a difference of two shares in points, with a true minus sign."""
    rounded = round(100 * share, 1) + 0.0  # adding 0 takes the sign of a zero away
    return f"{rounded:.1f}".replace("-", "\N{MINUS SIGN}")


def dollars(usd: float | None) -> str:
    """Return US dollars of 0 or more: cents, or three digits below one; a dash for None."""
    if usd is None:
        return DASH
    if usd == 0 or usd >= 1:
        return f"${usd:,.2f}"
    return f"${usd:.{2 - math.floor(math.log10(usd))}f}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun, such as `1 line` or `2,000 lines`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def size(size_bytes: int) -> str:
    """Return a number of bytes in the largest unit that leaves a whole one, to three digits."""
    amount, units = float(size_bytes), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    if amount < 1024:
        return counted(size_bytes, "byte")
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{amount:.3g} {units[0]}" if amount < 1000 else f"{amount:,.0f} {units[0]}"


def duration(seconds: float) -> str:
    """Return a time span of 0 or more in its two largest units, such as `3 min 20 s`."""
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds < 0.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
