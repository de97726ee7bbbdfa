"""Measure ischiofemoral impingement of the hip: spaces between ischium and femur, angles, and the quadratus femoris.

    import IFIMeasureLib as ifi

    study = ifi.measure("bones.nii.gz", "dicom_folder", labels="totalsegmentator")
    study.table()                          # a pandas DataFrame; study.rows() without pandas
    study.value("ifs_axial", "left")       # a Measured, or a NotMeasurable with its reason
    study.save("results")                  # what the command line writes

Everything here comes from :mod:`.api` and :mod:`.values`, and is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from .api import Changes as Changes
    from .api import Repeatability as Repeatability
    from .api import Study as Study
    from .api import follow_up as follow_up
    from .api import measure as measure
    from .api import open_study as open_study
    from .api import repeatability as repeatability
    from .api import segment_muscle as segment_muscle
    from .values import IFIMeasureError as IFIMeasureError
    from .values import Measured as Measured
    from .values import NotMeasurable as NotMeasurable
    from .values import Side as Side

_DOOR = {
    "measure": "api",
    "open_study": "api",
    "segment_muscle": "api",
    "follow_up": "api",
    "repeatability": "api",
    "Study": "api",
    "Changes": "api",
    "Repeatability": "api",
    "Measured": "values",
    "NotMeasurable": "values",
    "Side": "values",
    "IFIMeasureError": "values",
}
"""What this package shows, and where it lies."""

__all__ = [
    "Changes",
    "IFIMeasureError",
    "Measured",
    "NotMeasurable",
    "Repeatability",
    "Side",
    "Study",
    "__version__",
    "follow_up",
    "measure",
    "open_study",
    "repeatability",
    "segment_muscle",
]

_SHIPPED_WITH_SLICER = ("numpy", "scipy", "SimpleITK", "vtk", "vtkmodules", "pydicom")


if not TYPE_CHECKING:  # else type checkers would take any name

    def __getattr__(name: str) -> Any:
        if name not in _DOOR:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(_DOOR)}")
        import importlib

        try:
            found = getattr(importlib.import_module(f".{_DOOR[name]}", __name__), name)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in _SHIPPED_WITH_SLICER:
                raise
            raise ModuleNotFoundError(
                f"{error.name} is not installed here (3D Slicer ships it); run: pip install 'ifimeasure[standalone]'",
                name=error.name,
            ) from None
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return list(__all__)
