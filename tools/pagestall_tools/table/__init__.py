"""The tables that tools/table prints."""
