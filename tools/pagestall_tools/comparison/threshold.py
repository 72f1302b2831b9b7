"""The difference that counts."""

# Where the user names no other, as a fraction.
THRESHOLD = 0.05
