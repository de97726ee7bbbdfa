"""Files to values and back: images, segmentations, DICOM series, markups, results.

RAS millimeter in memory, the file's own frame on disk.
"""
