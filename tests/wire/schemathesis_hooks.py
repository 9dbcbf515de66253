"""What schemathesis cannot invent: ids that exist, and transactions whose hashes and signatures are right.

Loaded into schemathesis's own process by `test_schemathesis`, which leaves what it knows of the chain in the
file that `KNOWN_FILE` names.
"""

import json
import os
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import HookContext

from lamina.formats import transaction as build
from lamina.formats.errors import FormatError
from lamina.formats.signatures import KeyPair

KNOWN_FILE = "LAMINA_TEST_KNOWN"
KNOWN: dict[str, Any] = json.loads(Path(os.environ[KNOWN_FILE]).read_text())

KEYS = [KeyPair.from_seed(bytes.fromhex(seed)) for seed in KNOWN["seeds"]]
MINT: dict[str, Any] = KNOWN["mint"]
EXISTING = {
    "asset_id": [MINT["id"], MINT["id"].upper()],
    "transaction_id": KNOWN["transaction_ids"],
    "block_id": KNOWN["block_ids"],
    "public_key": [key.public for key in KEYS],
    "search": ["mint", '"fresh mint" tea -coffee', "-mint", MINT["id"], "'mint' & !tea | (x:*)", "%_\\"],
}
BY_PATH = {
    "/api/v1/transactions/{id}": KNOWN["transaction_ids"],
    "/api/v1/blocks/{id}": KNOWN["block_ids"],
}

key_names = st.sampled_from([key.public for key in KEYS])
recipients = st.one_of(
    key_names,
    st.lists(st.one_of(key_names, st.lists(key_names, min_size=2, max_size=3)), min_size=1, max_size=4),
)
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([2**63, -(2**70), 10**40, 1e20, 1e21, -0.0, 5e-324]),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
    ),
    lambda children: st.one_of(
        st.lists(children, max_size=3), st.dictionaries(st.text(max_size=8), children, max_size=3)
    ),
    max_leaves=12,
)
payloads = st.one_of(st.none(), st.dictionaries(st.text(max_size=8), json_values, min_size=1, max_size=4))
junk = st.one_of(json_values, st.sampled_from(["GENESIS", "1.0", "", "0", MINT["id"], KEYS[0].public]))


@st.composite
def created(draw: st.DrawFn) -> dict[str, Any]:
    """A CREATE that only the strict key names can refuse."""
    signers = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True))
    owed = draw(st.lists(st.tuples(recipients, st.integers(1, 9 * 10**18)), max_size=4))
    names = [signer.public for signer in signers]
    return build.sign(build.create(names, owed, draw(payloads), draw(payloads)), signers)


@st.composite
def transferred(draw: st.DrawFn) -> dict[str, Any]:
    """A TRANSFER of outputs of the mint; whoever comes second for an output is refused."""
    indices = draw(st.lists(st.integers(0, len(MINT["outputs"]) - 1), min_size=1, max_size=3))
    unsigned = build.transfer(
        build.inputs_of(MINT, indices), [(draw(recipients), len(indices))], MINT["id"], draw(payloads)
    )
    return build.sign(unsigned, KEYS)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A signed transaction changed in one place, signed again or not."""
    whole = json.loads(json.dumps(draw(st.one_of(created(), transferred()))))
    places = list(_places(whole))
    *parents, last = draw(st.sampled_from(places))
    parent: Any = whole
    for step in parents:
        parent = parent[step]
    if draw(st.booleans()):
        parent[last] = draw(junk)
    else:
        del parent[last]
    return _identified(whole) if draw(st.booleans()) else whole


def _places(node: Any, at: tuple[Any, ...] = ()) -> Any:
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in entries:
        yield (*at, name)
        yield from _places(child, (*at, name))


def _identified(transaction: dict[str, Any]) -> dict[str, Any]:
    """With the id of its body, where it has one, so that more than the hash is looked at."""
    try:
        return {**transaction, "id": build.transaction_id(transaction)}
    except (FormatError, KeyError, TypeError, AttributeError):
        return transaction


@schemathesis.hook
def before_generate_body(context: HookContext, strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Real and damaged transactions; the coverage phase still makes bodies from the schema."""
    del context, strategy
    return st.one_of(created(), transferred(), damaged())


@schemathesis.hook
def flatmap_query(context: HookContext, query: dict[str, Any] | None) -> st.SearchStrategy[Any]:
    """Half of the time, parameters that lead somewhere."""
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
    """Half of the time, an id that exists."""
    assert context.operation is not None
    ids = BY_PATH.get(context.operation.path)
    if ids is None:
        return st.just(path_parameters)
    return st.one_of(st.just(path_parameters), st.sampled_from(ids).map(lambda known: {"id": known}))
