"""Studies in a scene: values to Slicer's nodes and back, RAS millimeter in world coordinates; the scene is an argument."""
