"""What schemathesis cannot invent of the scheduler: ids that exist, and items whose signatures are right.

Loaded into schemathesis's own process by `test_scheduler_schemathesis`, which leaves what it knows in the file
that `KNOWN_FILE` names.
"""

import json
import os
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import HookContext

KNOWN: dict[str, Any] = json.loads(Path(os.environ["LAMINA_TEST_KNOWN"]).read_text())

ASSIGNING = ("process-id", "assign", "exclude")
ITEMS = [bytes.fromhex(item) for item in KNOWN["items"]]
NUMBERS = ["0", "1", "-1", "+2", "2147483648", "9223372036854775807", "9" * 30, "0x1", "١", ""]
EXISTING = {
    "process-id": [KNOWN["process"], KNOWN["ids"][1]],
    "assign": [KNOWN["elsewhere"], KNOWN["ids"][1]],
    "exclude": ["Data", "Data,Anchor", "," * 1000],
    **dict.fromkeys(("from", "to", "from-nonce", "to-nonce", "limit"), NUMBERS),
}


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An item changed in one place, or cut off there."""
    raw = draw(st.sampled_from(ITEMS))
    at = draw(st.integers(0, len(raw) - 1))
    return raw[:at] + draw(st.sampled_from([b"", bytes([raw[at] ^ 1]) + raw[at + 1 :]]))


@schemathesis.hook
def before_generate_body(context: HookContext, strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Real, damaged and no items."""
    del context
    return st.one_of(st.sampled_from(ITEMS), damaged(), strategy)


@schemathesis.hook
def flatmap_query(context: HookContext, query: dict[str, Any] | None) -> st.SearchStrategy[Any]:
    """Often parameters that lead somewhere, or to the edge of it; of what is posted mostly none, or both ids."""
    if context.operation is not None and context.operation.method == "post":
        both = st.fixed_dictionaries({name: st.sampled_from(EXISTING[name]) for name in ASSIGNING})
        return st.one_of(st.just(query), st.just({}), st.just({}), both)
    known = [name for name in query or () if name in EXISTING]
    if not known:
        return st.just(query)
    found = st.fixed_dictionaries({name: st.sampled_from(EXISTING[name]) for name in known})
    return st.one_of(st.just(query), found.map(lambda values: {**(query or {}), **values}))


@schemathesis.hook
def flatmap_path_parameters(
    context: HookContext, path_parameters: dict[str, Any] | None
) -> st.SearchStrategy[Any]:
    """Half of the time, an id that exists."""
    del context
    if "id" not in (path_parameters or {}):
        return st.just(path_parameters)
    return st.one_of(st.just(path_parameters), st.sampled_from(KNOWN["ids"]).map(lambda known: {"id": known}))
