"""Words of the original's environment that are not Lamina's (spec/scheduler.md 2)."""


def exact_truth(text: str) -> str:
    """A switch of the original: on by the exact text `true`, off by any other."""
    return "true" if text == "true" else "false"
