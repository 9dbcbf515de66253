"""Pure decisions: is this well formed, may it spend, how did an election end. No I/O, no clock."""
