"""The commands of tools/pagestall, a module each."""
