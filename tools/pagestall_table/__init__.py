"""What tools/table is made of."""
