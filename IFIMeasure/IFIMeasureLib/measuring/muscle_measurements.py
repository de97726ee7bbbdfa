"""Measurements of the quadratus femoris: its segment, its fat, its edema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..muscle.composition import EDEMA_THRESHOLD, edema_grade, fat_grade
from ..muscle.numbers import MuscleNumbers
from ..values import Measured, NotMeasurable, Result
from .definition import Followed, HipData, HipMeasure, Kind, MeasurementDefinition, PairData
from .units import AREA, DISTANCE, EDEMA_GRADE, FAT_GRADE, FRACTION, LENGTH, PERCENTAGE, RATIO, VOLUME, VOLUME_INDEX

_MUSCLE = "quadratus_femoris"

_NO_FAT = "the fat fraction needs Dixon images (water and fat), or a T1 image for an estimate."

_NO_EDEMA = "edema needs a fat-suppressed T2 image and a segment of a reference muscle, such as the gluteus maximus."

_NO_CORNERS = "the attachment corners are not all placed."

_NO_CONTRAST = "it needs an image in which the muscle and the fat around it differ, and the four attachment corners."


def _muscle(
    unit: str, method: str, value: Callable[[MuscleNumbers], float | None], lacking: str = "", whole: bool = True
) -> HipMeasure:
    """A measurement of the muscle's segment.

    :param lacking: the reason where ``value`` gives None.
    :param whole: whether it needs the whole muscle in the field of view.
    """

    def compute(data: HipData) -> Result:
        numbers = data.muscle
        if isinstance(numbers, NotMeasurable):
            return numbers
        if whole and numbers.cut:
            return NotMeasurable("the field of view cuts the quadratus femoris off; only its sections are measured.")
        found = value(numbers)
        if found is None:
            return NotMeasurable(lacking)
        if unit == "mL" and numbers.slices < 2:
            return NotMeasurable("a single slice shows the muscle, and a volume needs at least two.")
        notes = numbers.notes
        if unit == "mL":
            notes = (f"partial volume and slice thickness leave ± {numbers.volume_uncertainty_ml:.2g} mL open", *notes)
        return Measured(
            value=found,
            unit=unit,
            method=method.format(source=numbers.fat_source),
            plane="segment",
            source=data.source,
            notes=notes,
        )

    return compute


def _max_area(data: HipData) -> Result:
    numbers = data.muscle
    if isinstance(numbers, NotMeasurable):
        return numbers
    level, area = numbers.max_area
    return Measured(
        value=area,
        unit="mm2",
        plane="axial",
        slice_ras_s_mm=level,
        method="largest axial section",
        source=data.source,
        notes=numbers.notes,
    )


def _volume_index(data: HipData) -> Result:
    volume = data.measured("qf_volume")
    height, weight = data.subject.height_m, data.subject.weight_kg
    if height is None or weight is None:
        return NotMeasurable("height and weight of the person are not known.")
    return replace(
        volume,
        value=volume.value / (height * weight),
        unit="mL/(kg.m)",
        method=f"volume over {height:.2f} m times {weight:.1f} kg",
    )


def _volume_asymmetry(hips: PairData) -> Result:
    left, right = hips.left.value("qf_volume"), hips.right.value("qf_volume")
    return Measured(
        value=200.0 * (left - right) / (left + right),
        unit="%",
        plane="segments",
        method="200 (left - right) / (left + right) of the volumes",
        notes=(
            (
                "unsafe where both sides may be diseased, as in 25 to 47 % of patients: "
                "a small difference is no sign of health"
            ),
        ),
    )


ENTRIES = (
    MeasurementDefinition(
        id="qf_volume",
        title="Quadratus femoris, volume",
        kind=Kind.MUSCLE,
        unit="mL",
        decimals=2,
        quantity=VOLUME,
        definition=(
            "Sum over all slices of area times slice spacing. Refused where the field of view cuts the muscle off."
        ),
        citation="Tosun O et al., 2012 (method)",
        compute=_muscle("mL", "sum over the slices of area times slice spacing", lambda m: m.volume_ml),
        structure=_MUSCLE,
        followed=Followed.PROPORTIONAL,
    ),
    MeasurementDefinition(
        id="qf_volume_surface",
        title="Quadratus femoris, volume by surface",
        kind=Kind.MUSCLE,
        unit="mL",
        decimals=2,
        quantity=VOLUME,
        definition="Volume within the surface of the segment smoothed by half a voxel (half level).",
        citation="defined here",
        compute=_muscle("mL", "smooth surface of the segment", lambda m: m.surface_volume_ml),
        structure=_MUSCLE,
        followed=Followed.PROPORTIONAL,
    ),
    MeasurementDefinition(
        id="qf_volume_partial",
        title="Quadratus femoris, volume with partial voxels",
        kind=Kind.MUSCLE,
        unit="mL",
        decimals=2,
        quantity=VOLUME,
        definition=(
            "Volume with every voxel at the muscle's border counted as the share that its signal takes "
            "between muscle and fat nearby: the most even one, so the one to follow."
        ),
        citation="after Freeborough PA, Fox NC, IEEE TMI 1997;16:623-629",
        compute=_muscle("mL", "voxels at the border by their signal", lambda m: m.partial_volume_ml, _NO_CONTRAST),
        structure=_MUSCLE,
        followed=Followed.PROPORTIONAL,
    ),
    MeasurementDefinition(
        id="qf_volume_index",
        title="Quadratus femoris, volume over height and weight",
        kind=Kind.MUSCLE,
        unit="mL/(kg.m)",
        decimals=3,
        quantity=VOLUME_INDEX,
        definition=("Volume over the product of height and weight, with which the volumes of the leg's muscles grow."),
        citation="Handsfield GG et al., J Biomech 2014;47:631-638",
        depends=("qf_volume",),
        compute=_volume_index,
        structure=_MUSCLE,
    ),
    MeasurementDefinition(
        id="qf_lean_volume",
        title="Quadratus femoris, lean volume",
        kind=Kind.MUSCLE,
        unit="mL",
        decimals=2,
        quantity=VOLUME,
        definition="Volume times one minus the mean fat fraction; stands always beside the volume.",
        citation="defined here",
        compute=_muscle("mL", "volume without fat; fat fraction from {source}", lambda m: m.lean_volume_ml, _NO_FAT),
        structure=_MUSCLE,
        followed=Followed.PROPORTIONAL,
    ),
    MeasurementDefinition(
        id="qf_max_area",
        title="Quadratus femoris, largest axial section",
        kind=Kind.MUSCLE,
        unit="mm2",
        decimals=0,
        quantity=AREA,
        definition=(
            "Largest area of the muscle in an axial plane; given also where the field of view cuts the muscle off."
        ),
        citation="method as published",
        compute=_max_area,
        structure=_MUSCLE,
        followed=Followed.PROPORTIONAL,
    ),
    MeasurementDefinition(
        id="qf_max_section",
        title="Quadratus femoris, largest section across its fibers",
        kind=Kind.MUSCLE,
        unit="mm2",
        decimals=0,
        quantity=AREA,
        definition=(
            "Largest area across the line from the middle of the ischial to the middle of the femoral "
            "attachment, in layers of 3 mm."
        ),
        citation="defined here",
        compute=_muscle("mm2", "across the fibers", lambda m: m.across_max_mm2, _NO_CORNERS),
        structure=_MUSCLE,
        followed=Followed.PROPORTIONAL,
    ),
    MeasurementDefinition(
        id="qf_thickness",
        title="Quadratus femoris, thickness at the ischiofemoral space",
        kind=Kind.MUSCLE,
        unit="mm",
        decimals=1,
        quantity=DISTANCE,
        definition=("Mean thickness of the middle third of the muscle in the axial plane of the ischiofemoral space."),
        citation="defined here",
        compute=_muscle(
            "mm",
            "area of the middle third over its length, axial",
            lambda m: m.thickness_mm,
            "the muscle is not in the plane of the ischiofemoral space.",
            whole=False,
        ),
        structure=_MUSCLE,
        followed=Followed.ABSOLUTE,
    ),
    MeasurementDefinition(
        id="qf_length",
        title="Quadratus femoris, length along its fibers",
        kind=Kind.MUSCLE,
        unit="mm",
        decimals=1,
        quantity=LENGTH,
        definition=(
            "Extent of the muscle along the line from the middle of the ischial to the middle of the "
            "femoral attachment."
        ),
        citation="defined here",
        compute=_muscle("mm", "along the fibers", lambda m: m.length_mm, _NO_CORNERS),
        structure=_MUSCLE,
    ),
    MeasurementDefinition(
        id="qf_fat_fraction",
        title="Quadratus femoris, mean fat fraction",
        kind=Kind.MUSCLE,
        unit="%",
        decimals=1,
        quantity=FRACTION,
        definition=(
            "Mean over the muscle of fat over fat plus water (Dixon); from T1 an estimate between the "
            "signals of muscle and fat nearby."
        ),
        citation="defined here",
        compute=_muscle(
            "%",
            "mean over the segment; {source}",
            lambda m: None if m.fat_fraction is None else 100 * m.fat_fraction,
            _NO_FAT,
            whole=False,
        ),
        structure=_MUSCLE,
        followed=Followed.ABSOLUTE,
    ),
    MeasurementDefinition(
        id="qf_fat_grade",
        title="Quadratus femoris, fat grade (extension-defined, cf. Goutallier)",
        kind=Kind.MUSCLE,
        unit="1",
        decimals=0,
        quantity=FAT_GRADE,
        definition=(
            "0 below 5 %, 1 below 20 %, 2 below 45 %, 3 to 55 %, 4 above of mean fat fraction. Defined by"
            " this extension; not a reader's grade."
        ),
        citation="defined here",
        compute=_muscle(
            "1",
            "from the mean fat fraction; {source}",
            lambda m: None if m.fat_fraction is None else float(fat_grade(m.fat_fraction)),
            _NO_FAT,
            whole=False,
        ),
        structure=_MUSCLE,
    ),
    MeasurementDefinition(
        id="qf_edema_ratio",
        title="Quadratus femoris, signal relative to the reference muscle",
        kind=Kind.MUSCLE,
        unit="1",
        decimals=2,
        quantity=RATIO,
        definition="Mean fat-suppressed T2 signal of the muscle over the median of the reference muscle.",
        citation="defined here",
        compute=_muscle(
            "1", "mean over median of the reference muscle", lambda m: m.edema_ratio, _NO_EDEMA, whole=False
        ),
        structure=_MUSCLE,
    ),
    MeasurementDefinition(
        id="qf_edema_share",
        title="Quadratus femoris, share of edema",
        kind=Kind.MUSCLE,
        unit="%",
        decimals=1,
        quantity=PERCENTAGE,
        definition=(
            f"Share of the muscle's voxels whose fat-suppressed T2 signal exceeds {EDEMA_THRESHOLD:g} "
            "times the median of the reference muscle."
        ),
        citation="defined here",
        compute=_muscle(
            "%",
            f"threshold {EDEMA_THRESHOLD:g} times the reference muscle",
            lambda m: None if m.edema_share is None else 100 * m.edema_share,
            _NO_EDEMA,
            whole=False,
        ),
        structure=_MUSCLE,
    ),
    MeasurementDefinition(
        id="qf_edema_grade",
        title="Quadratus femoris, edema grade (extension-defined)",
        kind=Kind.MUSCLE,
        unit="1",
        decimals=0,
        quantity=EDEMA_GRADE,
        definition=(
            "0 none (below 5 % of the voxels), 1 below 25 %, 2 below 50 %, 3 above. Defined by this "
            "extension; not a reader's grade."
        ),
        citation="defined here",
        compute=_muscle(
            "1",
            "from the share of edema",
            lambda m: None if m.edema_share is None else float(edema_grade(m.edema_share)),
            _NO_EDEMA,
            whole=False,
        ),
        structure=_MUSCLE,
    ),
    MeasurementDefinition(
        id="qf_volume_asymmetry",
        title="Quadratus femoris, asymmetry of the volume",
        kind=Kind.MUSCLE,
        unit="%",
        decimals=1,
        quantity=PERCENTAGE,
        definition="200 (left - right) / (left + right). Unsafe where both sides may be diseased.",
        citation="defined here",
        depends=("qf_volume",),
        compute_pair=_volume_asymmetry,
        structure=_MUSCLE,
    ),
)
