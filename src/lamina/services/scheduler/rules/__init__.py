"""Pure decisions: what follows in a process, and what is the same message again. No I/O, no clock."""
