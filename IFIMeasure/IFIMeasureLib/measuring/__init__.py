"""Landmarks, surfaces and muscle to measurements: the registry and what it computes.

Spaces lie in the side frame, results in RAS millimeter. To add a measurement: one entry in ``ENTRIES`` and one function
in the file of its topic (:mod:`.space_measurements`, :mod:`.femur_measurements`, :mod:`.pelvis_measurements`,
:mod:`.muscle_measurements`), and a test of it in ``Testing/Python/measuring``.
"""
