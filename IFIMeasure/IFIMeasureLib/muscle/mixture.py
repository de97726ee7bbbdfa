"""Which voxels look like the muscle: a mixture of Gaussians whose weights follow the distance to the plate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..values import Array, IFIMeasureError
from .region import SearchRegion
from .signal import Levels

# chosen by trial on phantoms (the benchmark measures on others)
_PRIOR_WEIGHT = 0.6
"""Weight of the prior against the signal."""

_SUREST = 0.85
"""Highest prior: corners may be a centimeter off, so no place is so certain that fat cannot lie there."""

_UNEVEN = (0.10, 0.12, 0.10)
"""How far (in contrasts of muscle to fat) signals of this muscle, fat and other muscles spread beside the noise."""

_DRIFT = 0.15
"""How far (in contrasts of muscle to fat) the signal of the muscle may move from that of the plate's middle.

Further, it would take in partial volume.
"""

_DECISIVE = 4
"""How sharply a muscle voxel's own belief fades where the prior does not decide."""


def posterior(region: SearchRegion, levels: Levels, rounds: int = 15) -> tuple[Array, Array]:
    """Return the probability of the muscle at each voxel and its certainty, both (I, J, K).

    Fat is certain wherever it lies; which muscle a voxel of muscle belongs to is certain only where the prior is:
    elsewhere the walker decides by what the voxel is connected with.

    The Gaussians are this muscle (which fat and edema may have changed), fat, and other muscles. They stay as
    narrow as noise and a little unevenness allow, so that none of them swallows another.

    :raises IFIMeasureError: where other structures leave no room for the muscle.
    """
    free = region.free
    values = region.image[free].astype(float)
    # what is fatter than fat is fat (pure beside that mixed with other tissue), not an outlier that could be anything
    values = np.minimum(values, levels.fat) if levels.fat > levels.muscle else np.maximum(values, levels.fat)
    prior = np.minimum(region.prior[free], _SUREST)
    mixture = _Mixture.start(_start_of_muscle(region, values, levels), levels)
    for _ in range(rounds):
        mixture = mixture.improved(values, prior)
    density = mixture.density(values)
    muscle = prior**_PRIOR_WEIGHT * density[0]
    fat, other = (1 - prior) ** _PRIOR_WEIGHT * mixture.share[:, None] * density[1:]
    total = muscle + fat + other
    belief, certainty = np.zeros(region.image.shape), np.zeros(region.image.shape)
    belief[free] = muscle / total
    which = muscle / np.maximum(muscle + other, 1e-30)
    certainty[free] = fat / total + (1 - fat / total) * np.abs(2 * which - 1) ** _DECISIVE
    return belief, certainty


def _start_of_muscle(region: SearchRegion, values: Array, levels: Levels) -> float:
    """The most frequent signal of muscle in the middle of the plate, of the free voxels' ``values`` (N,)."""
    along, distance = region.along[region.free], region.distance[region.free]
    core = (distance < 3.0) & (along > 0.1) & (along < 0.9)
    if core.sum() < 10:
        raise IFIMeasureError(
            "bones or the image's edge leave no room for a muscle between the corners; check the corners."
        )
    gap = levels.muscle - levels.fat
    lean = (values - levels.fat) / (gap if abs(gap) > 1e-6 else 1.0)  # 0 in fat, 1 in muscle, more in edema
    of_muscle = core & (lean > 0.3)
    if of_muscle.sum() < max(10, 0.1 * core.sum()):
        return levels.muscle
    return _mode(values[of_muscle], max(levels.noise, 0.05 * _contrast(levels)))


def _contrast(levels: Levels) -> float:
    return max(abs(levels.muscle - levels.fat), 3.0 * levels.noise)


def _mode(values: Array, width: float) -> float:
    """The value with most others near it: streaks of fat and partial volume move a mean or median, but not this."""
    low, high = (float(v) for v in np.quantile(values, [0.02, 0.98]))
    places = np.linspace(low, high, 100)
    some = values[:: max(1, len(values) // 2000)]
    near = np.exp(-0.5 * ((places[:, None] - some) / width) ** 2).sum(1)
    return float(places[near.argmax()])


@dataclass(frozen=True)
class _Mixture:
    """Three Gaussians: this muscle, fat, other muscles.

    :param mean: (3,) signals, ``sd`` their standard deviations.
    :param share: (2,) of fat and of other muscles in what is not the muscle.
    :param muscle_range: signals between which the muscle's must stay.
    :param widest: (3,) largest standard deviations.
    """

    mean: Array
    sd: Array
    share: Array
    muscle_range: tuple[float, float]
    widest: Array
    levels: Levels

    @classmethod
    def start(cls, muscle: float, levels: Levels) -> _Mixture:
        gap, contrast = levels.muscle - levels.fat, _contrast(levels)
        lowest, highest = sorted((levels.fat + 0.3 * gap, levels.fat + 6.0 * gap))
        widest = 1.25 * levels.noise + np.array(_UNEVEN) * contrast
        return cls(
            mean=np.array([muscle, levels.fat, levels.muscle]),
            sd=widest,
            share=np.array([0.5, 0.5]),
            muscle_range=(max(lowest, muscle - _DRIFT * contrast), min(highest, muscle + _DRIFT * contrast)),
            widest=widest,
            levels=levels,
        )

    def density(self, values: Array) -> Array:
        """Densities (3, N) of values (N,), with a floor, so that an outlier is no certainty."""
        offset = (values - self.mean[:, None]) / self.sd[:, None]
        return np.asarray(np.exp(-0.5 * offset**2) / self.sd[:, None] + 1e-4 / self.sd.max())

    def improved(self, values: Array, prior: Array) -> _Mixture:
        """One round of expectation and maximization; ``prior`` (N,) is the probability of the muscle."""
        density = self.density(values)
        weight = np.concatenate([prior * density[:1], (1 - prior) * self.share[:, None] * density[1:]])
        weight /= weight.sum(0)
        total = np.maximum(weight.sum(1), 1e-6)
        fitted = (weight @ values) / total
        lowest, highest = self.muscle_range
        step = 0.1 * _contrast(self.levels)
        mean = np.clip(fitted, self.mean - step, self.mean + step)
        mean[0] = np.clip(fitted[0], lowest, max(lowest, highest))
        spread = np.sqrt((weight * (values - mean[:, None]) ** 2).sum(1) / total)
        sd = np.clip(spread, 0.8 * self.levels.noise, self.widest)
        return replace(self, mean=mean, sd=sd, share=np.maximum(total[1:] / total[1:].sum(), 0.1))
