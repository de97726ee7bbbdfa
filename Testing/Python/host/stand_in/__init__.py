"""A strict stand-in for the application: enough of 3D Slicer's Python side on PySide6 to load the real panel.

It tests wiring, not Slicer. What the application does not have fails here: an unknown property, signal, method or
keyword raises. ``api.json`` lists what Python sees of each class in the application (made there by ``list_api.py``).
MRML is real (slicer-core); so are the functions of ``slicer.util``.
"""
