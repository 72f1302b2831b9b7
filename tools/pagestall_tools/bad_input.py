"""What no tool can go on after."""

class BadInput(Exception):
    """What the user gave cannot be used: one line that says what, where and why."""
