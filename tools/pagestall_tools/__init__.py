"""What tools/pagestall and tools/table are made of."""
