"""HTTP and websocket serving: limits, routing, middleware and the server itself; knows no service."""
