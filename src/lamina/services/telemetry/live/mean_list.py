"""The course of a measure in at most 20 numbers, however long it has been measured."""

SLOTS = 20
SAMPLES_PER_SLOT_MAX = 32


class MeanList:
    """Slots that each hold the mean of as many samples.

    A slot holds one sample at first. When all slots are full, neighbours are merged and a slot holds twice as
    many from then on; when it holds `SAMPLES_PER_SLOT_MAX`, the oldest slot makes room instead.
    """

    __slots__ = ("_samples", "_samples_per_slot", "_sum", "means")

    def __init__(self) -> None:
        self.means: list[float] = []
        self._samples_per_slot = 1
        self._samples = 0
        self._sum = 0.0

    def push(self, sample: float) -> bool:
        """Take in a sample.

        Returns:
            Whether a slot was filled, so that `means` shows it.
        """
        if len(self.means) == SLOTS and self._samples_per_slot < SAMPLES_PER_SLOT_MAX:
            self._merge()
        self._sum += sample
        self._samples += 1
        if self._samples < self._samples_per_slot:
            return False
        if len(self.means) == SLOTS:
            del self.means[0]
        self.means.append(self._sum / self._samples)
        self._samples, self._sum = 0, 0.0
        return True

    def _merge(self) -> None:
        self.means = [(self.means[i] + self.means[i + 1]) / 2 for i in range(0, SLOTS, 2)]
        self._samples_per_slot *= 2
