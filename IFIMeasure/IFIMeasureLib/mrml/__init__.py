"""Studies in a scene: values go into Slicer's nodes and come back, RAS millimeter in world coordinates.

The scene is an argument; no application is needed. Others use :class:`.study_nodes.StudyNodes` (a study's nodes),
:class:`.live.LiveStudy` (working on one), :mod:`.views` (what is shown), :mod:`.scene` and :mod:`.open_scene` (files).
"""
