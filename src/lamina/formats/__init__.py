"""Pure codecs: bytes and JSON in, values out. No I/O, no clock, no settings, no kernel."""
