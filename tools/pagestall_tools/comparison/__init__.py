"""Whether one run, or one binary, is slower than another."""
