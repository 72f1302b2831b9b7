"""What the columns of the history hold. A database is a file that others can write to and disks
can damage: what is no value of its column is read as Damaged, which says what is there."""

import datetime

from sqlalchemy import JSON, DateTime, Float, Integer, String
from sqlalchemy.types import TypeDecorator

from pagestall_tools.entries import LONGEST, SHORTEST, is_number, shown
from pagestall_tools.runs import checked
from pagestall_tools.words import is_text


class Damaged(str):
    """What is there, in a few words."""


class Stored(TypeDecorator):
    """A subclass has is_one(value)."""

    def __init_subclass__(cls):
        super().__init_subclass__()
        cls.cache_ok = True  # of each class by itself: none has arguments

    def result_processor(self, dialect, coltype):
        read = super().result_processor(dialect, coltype) or (lambda value: value)

        def known(value):
            try:
                its = read(value)
                return its if self.is_one(its) else Damaged(shown(value))
            except (RecursionError, TypeError, ValueError):
                return Damaged(shown(value))

        return known


class Text(Stored):
    impl = String

    def is_one(self, value):
        return isinstance(value, str) and is_text(value)


class Whole(Stored):
    impl = Integer

    def is_one(self, value):
        return isinstance(value, int) and not isinstance(value, bool)


class Figure(Stored):
    """Of seconds, or a fraction."""

    impl = Float

    def is_one(self, value):
        return is_number(value) and (value == 0 or SHORTEST <= value <= LONGEST)


class Moment(Stored):
    impl = DateTime

    def is_one(self, value):
        return isinstance(value, datetime.datetime)


class Object(Stored):
    """Of JSON, as a run's context is one."""

    impl = JSON

    def is_one(self, value):
        return isinstance(value, dict) and checked(value) == value


class Numbers(Object):
    """{counter: value}."""

    def is_one(self, value):
        return super().is_one(value) and all(map(is_number, value.values()))
