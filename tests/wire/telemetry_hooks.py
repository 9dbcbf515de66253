"""What schemathesis cannot invent of telemetry: peers, chains and times that lead somewhere.

Loaded into schemathesis's own process by `test_telemetry_schemathesis`, which leaves what it knows in the file
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

TIMES = [
    "2020-01-01T00:00:00", "2020-01-01T00:00:00.5Z", "1970-01-01T00:00:00+23:59", "9999-12-31T23:59:59",
    "0001-01-01T00:00:00+12:00", "2099-06-30 23:59:60", "",
]  # fmt: skip
NUMBERS = ["0", "1", "-1", "2147483647", "2147483648", "-9223372036854775808", "9" * 30, "0x1", "١", " 1"]
EXISTING = {
    "peer_id": KNOWN["peers"],
    "msg": ["system.interval", "system.connected", "tracing.profiling"],
    "target": ["pallet_babe"],
    "field": ["peers", "height", "state.peerset", "a..b", "", "ts", "time"],
    "chain": [KNOWN["genesis"]],
    "name": ["ali", "%", "_", "ß"],
    **dict.fromkeys(("start_time", "end_time", "at"), TIMES),
    **dict.fromkeys(("limit", "max_age_s", "step", "after"), NUMBERS),
}
PATHS = {"peer_id": KNOWN["peers"], "genesis": [KNOWN["genesis"]], "id": ["1", "2", "0", "99999999999"]}


@schemathesis.hook
def flatmap_query(context: HookContext, query: dict[str, Any] | None) -> st.SearchStrategy[Any]:
    """Half of the time, parameters that lead somewhere, or to the edge of it."""
    del context
    known = [name for name in query or () if name in EXISTING]
    if not known:
        return st.just(query)
    found = st.fixed_dictionaries({name: st.sampled_from(EXISTING[name]) for name in known})
    return st.one_of(st.just(query), found.map(lambda values: {**(query or {}), **values}))


@schemathesis.hook
def flatmap_path_parameters(
    context: HookContext, path_parameters: dict[str, Any] | None
) -> st.SearchStrategy[Any]:
    """Half of the time, what exists."""
    del context
    known = [name for name in path_parameters or () if name in PATHS]
    if not known:
        return st.just(path_parameters)
    found = st.fixed_dictionaries({name: st.sampled_from(PATHS[name]) for name in known})
    return st.one_of(
        st.just(path_parameters), found.map(lambda values: {**(path_parameters or {}), **values})
    )
