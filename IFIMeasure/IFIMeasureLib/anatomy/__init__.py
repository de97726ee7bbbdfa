"""What a hip is made of: structures, landmarks, regions, findings, published values; definitions from Resources, no geometry of a person."""
