"""What a chain is called: as most of its nodes call it."""


class MajorityLabel:
    """Counts names; on a tie the name that was the label stays."""

    __slots__ = ("_counts", "label")

    def __init__(self) -> None:
        self.label = ""
        self._counts: dict[str, int] = {}  # the oldest name first: dictionaries keep the order

    def add(self, name: str) -> bool:
        """Count a node that uses the name.

        Returns:
            Whether another name is the label now.
        """
        self._counts[name] = count = self._counts.get(name, 0) + 1
        return count > self._counts.get(self.label, 0) and self._change(name)

    def remove(self, name: str) -> bool:
        """Count a node no more.

        Returns:
            Whether another name is the label now.
        """
        self._counts[name] -= 1
        if not self._counts[name]:
            del self._counts[name]
        if name != self.label or not self._counts:
            return False
        most = max(self._counts, key=self._counts.__getitem__)
        return self._counts[most] > self._counts.get(name, 0) and self._change(most)

    def _change(self, name: str) -> bool:
        changed, self.label = name != self.label, name
        return changed
