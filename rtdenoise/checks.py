"""Checks of arguments: numbers in a stated range, switches and paths, with one line for an error.

`NumberRange` checks a value. `Setting` and `OptionalSetting` make it an attribute of a class that
checks every value assigned to it.
"""

from __future__ import annotations

import math
import numbers
import os
from pathlib import Path
from typing import Any, NamedTuple, cast, overload

from .errors import InvalidTypeError, InvalidValueError


class NumberRange(NamedTuple):
    """The finite numbers from `low` to `high`; `what` names the quantity, such as "a gain"."""

    what: str
    low: float
    high: float
    unit: str = ""
    advice: str = ""  # what else to do, after the range

    def check(self, value: object) -> float:
        """Return `value` as a float. Raises RtdenoiseError unless it is a number in the range."""
        number = _real(value)
        if number is None:
            raise InvalidTypeError(
                f"{self.what} must be a number from {self._range()}, not {_short(value)}"
            )
        if not self.low <= number <= self.high:  # this refuses nan too
            raise InvalidValueError(
                f"{self.what} of {_short(number)}{self._unit()} is not valid: use {self._range()}"
            )
        return number

    def check_whole(self, value: object) -> int:
        """Do as `check`, but refuse fractions; 44100.0 is a whole number."""
        number = self.check(value)
        if number != int(number):
            raise InvalidValueError(
                f"{self.what} of {number!r}{self._unit()} is not valid: "
                f"use a whole number from {self._range()}"
            )
        return int(number)

    def check_optional(self, value: object) -> float | None:
        """Do as `check`, but return None for None."""
        return None if value is None else self.check(value)

    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""

    def _range(self) -> str:
        return f"{_plain(self.low)} to {_plain(self.high)}{self._unit()}{self.advice}"


class Setting:
    """An attribute that holds a number in a range; assigning anything else raises."""

    def __init__(self, allowed: NumberRange) -> None:
        self._allowed = allowed

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    @overload
    def __get__(self, instance: None, owner: type) -> Setting: ...
    @overload
    def __get__(self, instance: object, owner: type) -> float: ...
    def __get__(self, instance: object, owner: type) -> Any:
        return self if instance is None else getattr(instance, self._name)

    def __set__(self, instance: object, value: object) -> None:
        setattr(instance, self._name, self._allowed.check(value))


class OptionalSetting:
    """As `Setting`, but None is allowed as well."""

    def __init__(self, allowed: NumberRange) -> None:
        self._allowed = allowed

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    @overload
    def __get__(self, instance: None, owner: type) -> OptionalSetting: ...
    @overload
    def __get__(self, instance: object, owner: type) -> float | None: ...
    def __get__(self, instance: object, owner: type) -> Any:
        return self if instance is None else getattr(instance, self._name)

    def __set__(self, instance: object, value: object) -> None:
        setattr(instance, self._name, self._allowed.check_optional(value))


def check_switch(what: str, value: object) -> bool:
    """Return `value` as a bool. Raises RtdenoiseError unless it is True or False (or 1 or 0)."""
    value = _plain_scalar(value)
    if not isinstance(value, int) or value not in (0, 1):
        raise InvalidTypeError(f"{what} must be True or False, not {_short(value)}")
    return bool(value)


def check_path(what: str, value: object) -> Path:
    """Return `value` as a Path. Raises RtdenoiseError unless it is a str or an os.PathLike."""
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str):
        raise InvalidTypeError(f"{what} must be a path (str or Path), not {_short(value)}")
    if not path:
        raise InvalidValueError(f"{what} is an empty name: give a path")
    if "\0" in path:
        raise InvalidValueError(f"{what} {path!r} is not valid: a path has no zero character")
    return Path(path)


def _real(value: object) -> float | None:
    """Return a real number as a float, and None for everything else (bool is no number here)."""
    value = _plain_scalar(value)
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        return float(value)
    except OverflowError:  # an int beyond the range of floats, which no range allows
        return math.inf


def _plain_scalar(value: object) -> object:
    """Return a NumPy or torch scalar, or an array without dimensions, as a Python number."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return cast(Any, value).item()
    return value


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def _short(value: object) -> str:
    """Return the value as text of one short line, with the type where the text could mislead."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (str, int, type(None))):
        text = repr(value)
        return text if len(text) <= 40 else f"{text[:37]}..."
    return f"a {type(value).__name__}"
