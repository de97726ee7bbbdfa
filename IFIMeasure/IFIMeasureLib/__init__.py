"""Measure ischiofemoral impingement: the library behind the IFIMeasure module and command line.

``core`` holds what a hip is and how it is measured (numpy, scipy, SimpleITK, vtk);
``mrml`` turns its results into MRML nodes, scenes and pictures (Slicer's C++ core);
``cli`` is the command ``ifimeasure``. Importing this package imports none of them.
"""

__version__ = "0.1.0"
