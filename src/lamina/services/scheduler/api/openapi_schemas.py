"""What the scheduler's answers look like, as JSON Schema 2020-12: the schemas of its OpenAPI document."""

from lamina.kernel.web.openapi_parts import Part, array_of, closed_object, or_null, ref

TEXT: Part = {"type": "string"}
ID: Part = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]{43}$",
    "description": "32 bytes as base64url without padding.",
}
MILLISECONDS: Part = {"type": "integer", "description": "Milliseconds since 1970."}
HEIGHT: Part = {
    "type": "string",
    "pattern": "^[0-9]{12,}$",
    "description": "A height of the network, 12 digits with leading zeros.",
}
_DECIMAL: Part = {"type": "string", "pattern": "^[0-9]+$"}
_BASE64URL: Part = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}
_ANCHOR: Part = {
    **or_null(TEXT),
    "description": "The anchor's 32 bytes as text; null where there is none, or where they are no UTF-8.",
}
_TARGET: Part = {
    "type": "string",
    "pattern": "^([A-Za-z0-9_-]{43})?$",
    "description": "Empty where there is none.",
}
_SIGNED: dict[str, Part] = {
    "id": ID,
    "owner": ref("Owner"),
    "tags": {**array_of("Tag"), "description": "In the order they were signed in."},
    "signature": _BASE64URL,
    "anchor": _ANCHOR,
    "target": _TARGET,
}

SCHEMAS: dict[str, Part] = {
    "Error": closed_object("Why a request is refused.", {"error": TEXT}),
    "Tag": closed_object("A name and a value; either may repeat.", {"name": TEXT, "value": TEXT}),
    "Owner": closed_object(
        "Who signed.",
        {"address": {**ID, "description": "SHA-256 of the key."}, "key": _BASE64URL},
    ),
    "Submitted": closed_object(
        "What was scheduled.",
        {
            "id": {
                **ID,
                "description": "Of the process or message; of the assignment with `assign`.",
            },
            "timestamp": {
                **MILLISECONDS,
                "description": "When this was answered, not when it was scheduled.",
            },
        },
    ),
    "Message": closed_object(
        "An item as it was posted.",
        {
            **_SIGNED,
            "data": {**TEXT, "description": "Bytes that are no UTF-8 are replaced by U+FFFD."},
            "target": {
                **or_null(_TARGET),
                "description": "The process. Null only for a process in its own list.",
            },
        },
    ),
    "Assignment": closed_object(
        "The unit's signed word on the place of a message. Tags: `Process`, `Epoch`, `Nonce`, `Hash-Chain`, "
        "`Block-Height`, `Timestamp`, `Data-Protocol`, `Type`, `Variant`, `Message`, `Exclude`.",
        dict(_SIGNED),
    ),
    "Scheduled": closed_object(
        "A message and its assignment.",
        {
            "message": {
                **or_null(ref("Message")),
                "description": "Null where what is assigned is not here, but on the network.",
            },
            "assignment": ref("Assignment"),
        },
    ),
    "Edge": closed_object(
        "An element of a list.",
        {
            "node": ref("Scheduled"),
            "cursor": {
                **_DECIMAL,
                "description": "Its time, or its nonce: `from` or `from-nonce` of the next page.",
            },
        },
    ),
    "List": closed_object(
        "Messages of a process, ascending.",
        {
            "page_info": closed_object("The page.", {"has_next_page": {"type": "boolean"}}),
            "edges": array_of("Edge"),
        },
    ),
    "Process": closed_object(
        "A spawn.",
        {
            "process_id": ID,
            "block": HEIGHT,
            "owner": ref("Owner"),
            "tags": array_of("Tag"),
            "timestamp": {**MILLISECONDS, "description": "When it was spawned, in milliseconds since 1970."},
            "data": {**or_null(TEXT), "description": "Null where it is no UTF-8."},
            "anchor": _ANCHOR,
            "signature": _BASE64URL,
            "target": or_null(ID),
        },
    ),
    "Unit": closed_object(
        "Whose unit this is.",
        {"address": {**ID, "description": "Of its wallet."}, "timestamp": _DECIMAL},
    ),
    "Time": closed_object(
        "The network's height, and this machine's time in milliseconds.",
        {"block_height": HEIGHT, "timestamp": _DECIMAL},
    ),
}
