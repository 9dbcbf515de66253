"""The one error every codec of this room raises."""


class FormatError(ValueError):
    """Bytes or text break the rules of their format.

    The message says what was expected and where, and never repeats the input: the input may be a secret,
    or a megabyte. Services translate it once into their own wire shape.
    """
