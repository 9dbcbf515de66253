"""Example answers of the OpenAPI document; a test holds them against their schemas."""

from lamina.kernel.web.openapi_parts import Part

PROCESS_ID = "Sz3oN1tKmLxU5qkQm0cE2b8RzVv1hYtWg7dJfPaXi9I"
MESSAGE_ID = "b1pQ7nLsZ0xRk8vGm2TqWc4YdHf6JoUaE9iXyS3NtMw"
ASSIGNMENT_ID = "h5GmT2vQx8ZpL0sRk4NwYc7UdJf9XoBaE1iHyS6KtMo"
_ADDRESS = "rT4xW8nQp2ZsL6vKm0GyYc3UdJf5XoBaE7iHyS9RtMk"
_OWNER: Part = {"address": _ADDRESS, "key": "xN4pQ0wE"}
_SIGNATURE = "aW8mR2tY"


def _tags(**named: str) -> list[Part]:
    return [{"name": name.replace("_", "-"), "value": value} for name, value in named.items()]


_ASSIGNMENT: Part = {
    "id": ASSIGNMENT_ID,
    "owner": _OWNER,
    "tags": _tags(
        Process=PROCESS_ID,
        Epoch="0",
        Nonce="0",
        Hash_Chain="u7YbK1oQm5ZxL9vRk3GtWc6NdJf0XpUaE4iHyS8TsMc",
        Block_Height="000001719360",
        Timestamp="1720000000123",
        Data_Protocol="ao",
        Type="Assignment",
        Variant="ao.TN.1",
        Message=MESSAGE_ID,
    ),
    "signature": _SIGNATURE,
    "anchor": None,
    "target": "",
}
SCHEDULED: Part = {
    "message": {
        "id": MESSAGE_ID,
        "owner": _OWNER,
        "data": "return 1 + 1",
        "tags": _tags(Data_Protocol="ao", Variant="ao.TN.1", Type="Message", Action="Eval"),
        "signature": _SIGNATURE,
        "anchor": None,
        "target": PROCESS_ID,
    },
    "assignment": _ASSIGNMENT,
}
LIST: Part = {
    "page_info": {"has_next_page": False},
    "edges": [{"node": SCHEDULED, "cursor": "1720000000123"}],
}
PROCESS: Part = {
    "process_id": PROCESS_ID,
    "block": "000001719359",
    "owner": _OWNER,
    "tags": _tags(
        Data_Protocol="ao",
        Variant="ao.TN.1",
        Type="Process",
        Module="c2DhL6wQn0ZyM4vSk8GuXb1PdJf5RoTaE9iKyU3WsVg",
        Scheduler=_ADDRESS,
    ),
    "timestamp": 1720000000000,
    "data": "1984",
    "anchor": None,
    "signature": _SIGNATURE,
    "target": None,
}
SUBMITTED: Part = {"id": MESSAGE_ID, "timestamp": 1720000000130}
UNIT: Part = {"address": _ADDRESS, "timestamp": "1720000000130"}
TIME: Part = {"block_height": "000001719360", "timestamp": "1720000000130"}
UNITS: Part = {
    "units": [
        {
            "url": "https://su1.example.org",
            "up": True,
            "latency_ms": 3.1,
            "reason": None,
            "process_count": 150,
            "no_route": False,
            "wallets_to_route": [],
            "wallets_only": False,
        }
    ]
}
