"""Keys from the seed of a simulation."""

import random

from lamina.formats.signatures import PUBLIC_KEY_CHARS_MIN, KeyPair


def draw_key(chance: random.Random) -> KeyPair:
    """The next key that the schemas of the original admit."""
    while True:
        key = KeyPair.from_seed(chance.randbytes(32))
        if len(key.public) >= PUBLIC_KEY_CHARS_MIN:
            return key
