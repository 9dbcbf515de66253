"""The stand-in keeps nothing."""
