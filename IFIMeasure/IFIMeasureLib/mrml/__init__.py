"""Results as MRML nodes, scenes and pictures. The scene is always an argument."""
