"""What a hip is and how it is measured: no slicer, no qt. Lengths are millimeters in RAS."""
