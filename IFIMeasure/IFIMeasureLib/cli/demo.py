"""``ifimeasure demo``: a sample study made, measured, and compared with its true values."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import Commands, path
from .printing import print_table, say

if TYPE_CHECKING:
    from ..study.result import HipResult, StudyResult
    from ..synthetic.phantom import Phantom


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    help_text = "make a sample study, measure it, and compare with its true values"
    command: argparse.ArgumentParser = commands.add_parser("demo", help=help_text)
    command.add_argument("--output", type=path, required=True, metavar="DIR", help="folder for sample and results")
    command.add_argument("--seed", type=int, default=1, help="seed of noise and bias (default: 1)")
    command.add_argument("--force", action="store_true", help="replace results that are in DIR already")
    return command


def run(options: argparse.Namespace) -> int:
    """Make the sample, measure it and print true beside measured values."""
    from ..api import measure
    from ..export import study_files, whole
    from ..synthetic.phantom import Phantom
    from ..synthetic.sample import write_sample_study

    folder: Path = options.output
    whole.refuse_overwriting(folder, options.force)
    phantom = Phantom(seed=options.seed)
    with whole.written_whole(folder, options.force) as beside:
        dicom, segmentation = write_sample_study(beside / "sample", phantom, say=say)
        study = measure(segmentation, dicom, progress=say)
        study.result = _with_seed(study.result, options.seed)
        study_files.write_outputs(study.result, beside, "IFI hip phantom", say)
    rows = [("measurement", "side", "true", "measured", "error")]
    for hip in study.result.hips.values():
        rows += _compared(phantom, hip)
    print()
    print_table(rows)
    print(f"\nThe sample study is in {folder / 'sample'}, the results are in {folder}; open {folder / 'report.html'}.")
    return 0


def _with_seed(result: StudyResult, seed: int) -> StudyResult:
    """The same result, whose options tell the sample that it is of."""
    provenance = result.provenance
    return replace(result, provenance=replace(provenance, options={**provenance.options, "seed": seed}))


def _compared(phantom: Phantom, hip: HipResult) -> list[tuple[str, str, str, str, str]]:
    """Rows of one side: true and measured values, and how far they are apart."""
    from ..images.frames import SideFrame
    from ..measuring.registry import MEASUREMENTS
    from ..values import Measured, point3

    side, rows = hip.side, []
    true = _true_values(phantom, hip)
    for definition in MEASUREMENTS:
        result = hip.results.get(definition.id)
        if isinstance(result, Measured) and definition.id in true:
            value = true[definition.id]
            measured, error = f"{result.value:.2f} {result.unit}", f"{result.value - value:+.2f}"
            rows.append((definition.id, side.value, f"{value:.2f}", measured, error))
    tip = hip.landmarks["lesser_trochanter_tip"].position_ras_mm
    if tip is not None:
        there = point3(SideFrame(side).to_ras(phantom.truth(side).lesser_trochanter_tip))
        away = float(sum((a - b) ** 2 for a, b in zip(tip, there)) ** 0.5)
        rows.append(("lesser trochanter tip", side.value, "", "", f"{away:.2f} mm"))
    return rows


def _true_values(phantom: Phantom, hip: HipResult) -> dict[str, float]:
    """What the phantom's equations say, by measurement."""
    from ..measuring.spaces import Space

    truth = phantom.truth(hip.side)
    true = {
        **truth.angles_deg,
        "femoral_offset": truth.lengths_mm["femoral_offset"],
        "femoral_head_diameter": 2 * truth.lengths_mm["head_radius"],
    }
    for name, space in hip.spaces.items():
        if isinstance(space, Space):
            values = [phantom.true_space(hip.side, name, p.level_mm) for p in space.profile]
            true[f"{name}_axial"] = min(v for v in values if v is not None)
            true[f"{name}_3d"] = phantom.true_space_3d(hip.side, name)
    return true
