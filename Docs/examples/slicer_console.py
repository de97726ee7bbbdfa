"""IFI Measure without its panel, for the Python console of 3D Slicer.

Paste it there, or run ``exec(open("…/slicer_console.py").read())``. It measures the sample bones, which are made on the
spot; for a study of your own take its nodes, as in ``slicer.util.getNode("my segmentation")``.
"""

import pathlib
import tempfile

import slicer
from IFIMeasureLib import Measured, Side
from IFIMeasureLib.mrml.sample_scene import add_sample_bones

from IFIMeasure import IFIMeasureLogic

logic = IFIMeasureLogic()
segmentation = add_sample_bones(slicer.mrmlScene)  # bones, tendons and quadratus femoris of both hips
study = logic.measure(segmentation)  # a second argument is the volume, for pictures and the muscle's signal

# every number: study.result.hips[side].results by the ids of Docs/definitions.md
for side in Side:
    for name in ("ifs_axial", "qfs_axial"):
        found = study.result.hips[side].results[name]
        print(name, side.value, f"{found.value:.1f} {found.unit}" if isinstance(found, Measured) else found.reason)

# a landmark moved by hand: the points are markups of the scene, the numbers follow
node = study.nodes.landmark_node(Side.LEFT)
index = study.nodes.landmark_index(Side.LEFT, "femoral_head_center")
before = study.result.hips[Side.LEFT].results["femoral_offset"].value
r, a, s = node.GetNthControlPointPositionWorld(index)
node.SetNthControlPointPositionWorld(index, r - 3.0, a, s)  # 3 mm to the left
after = study.update().hips[Side.LEFT].results["femoral_offset"].value
print(f"femoral offset left: {before:.1f} mm, with the head center 3 mm farther left {after:.1f} mm")

# the same files as the panel's Export and the command line write
folder = pathlib.Path(tempfile.mkdtemp()) / "results"
logic.export(study, folder, ("tables", "report", "landmarks", "segmentation"))
print("Results are in", folder)
