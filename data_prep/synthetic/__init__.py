"""Embedded faces: pictures of heads that exist nowhere, with exact landmarks in all six schemes. Needs NumPy, SciPy, OpenCV.

head, shape: the surface and how faces differ. landmarks: places on it. render, textures, appearance, hair, scene: its picture.
person, extras, picture: who, what else, and one annotated picture. sets, sheet: data sets of them, and a sheet to look at.
"""
