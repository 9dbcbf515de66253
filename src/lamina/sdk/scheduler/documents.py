"""A unit's answers as they are on the wire; ids, keys and signatures are base64url, times milliseconds."""

from typing import TypedDict


class Tag(TypedDict):
    """A name and a value; either may repeat."""

    name: str
    value: str


class Owner(TypedDict):
    """Who signed: the key, and its address."""

    address: str
    key: str


class Assignment(TypedDict):
    """The unit's signed word on the place of a message; it is said in the tags."""

    id: str
    owner: Owner
    tags: list[Tag]
    signature: str
    anchor: str | None
    target: str


class Message(TypedDict):
    """An item as it was posted; what of its data is no UTF-8 is replaced."""

    id: str
    owner: Owner
    data: str
    tags: list[Tag]
    signature: str
    anchor: str | None
    target: str | None


class Scheduled(TypedDict):
    """A message and its assignment; the message is None where the unit only assigned what is elsewhere."""

    message: Message | None
    assignment: Assignment


class PageInfo(TypedDict):
    """Whether more follows."""

    has_next_page: bool


class Edge(TypedDict):
    """An element of a page; the cursor of the last is where the next page begins."""

    node: Scheduled
    cursor: str


class Page(TypedDict):
    """Messages of a process, ascending."""

    page_info: PageInfo
    edges: list[Edge]


class Process(TypedDict):
    """A spawn; `block` is the network's height then."""

    process_id: str
    block: str
    owner: Owner
    tags: list[Tag]
    timestamp: int
    data: str | None
    anchor: str | None
    signature: str | None
    target: str | None


class Unit(TypedDict):
    """Whose unit it is: the address of its wallet."""

    address: str
    timestamp: str


class Time(TypedDict):
    """The network's height and the unit's time."""

    block_height: str
    timestamp: str


class Submitted(TypedDict):
    """The id of what was scheduled, and when that was answered."""

    id: str
    timestamp: int
