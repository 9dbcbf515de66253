"""`lamina telemetry replay`: lines of files as messages of nodes."""
