"""How a posted transaction becomes valid: accept, block, vote and election; each step is one transaction."""
