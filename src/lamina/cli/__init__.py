"""The `lamina` command: global options, output, error rendering."""
