"""Keys and the files that hold them. Signing itself lives in `lamina.formats.signatures`."""
