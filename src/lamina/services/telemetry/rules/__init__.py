"""Pure decisions: may this be stored, when was it said, who says it. No I/O, no clock."""
