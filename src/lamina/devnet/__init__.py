"""Stand-ins for the outside world, so that `lamina up` needs none; services never import them."""
