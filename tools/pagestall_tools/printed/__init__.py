"""What tools/table prints."""
