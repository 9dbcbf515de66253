"""How fast a federation decides on one machine, beside a node on its own, and what that costs."""
