"""Do face detectors take the drawn faces for faces?

Of the near-frontal, unoccluded faces of an embedded index (|yaw| < 20 degrees), the share that a detector finds with the
right box. Detectors: OpenCV's frontal cascade, and MediaPipe's face detection where it is installed (the project does not
use it; it has its own environment: ``pip install mediapipe==0.10.14 "opencv-python<4.12"``, this script needs no MXNet).

    python -m data_prep.synthetic --like 300w --size 1000 --seed 11 --out data/realism
    python -m experiments.studies.synthetic_detectors --data data/realism --split train

A detector's box means its own thing, so boxes are compared after one map (shift and scale) fitted over all faces it found;
right is an overlap (intersection over union) of at least 0.5 with the landmarks' square.
"""

import json
import os
import sys

import numpy as np
from tqdm import tqdm

from gv.core import detector, geometry
from gv.core.errors import InputError
from gv.core.exits import Parser, run
from gv.core.faces import read_index, read_split

LARGEST_YAW, RIGHT_OVERLAP = 20.0, 0.5


def near_frontal(faces):
    """The faces that a frontal detector should find."""
    return [face for face in faces if abs(face.attributes.get("yaw", 90)) < LARGEST_YAW and not face.attributes.get("occlusion")]


def mediapipe_detector():
    """A function of an RGB image to boxes (N, 4), by MediaPipe's full-range model; None where it is not installed."""
    try:
        import mediapipe
    except ImportError:
        return None
    model = mediapipe.solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.5)

    def find(image):
        height, width = image.shape[:2]
        found = model.process(image).detections or []
        boxes = [one.location_data.relative_bounding_box for one in found]
        return np.array([(b.xmin * width, b.ymin * height, (b.xmin + b.width) * width, (b.ymin + b.height) * height)
                         for b in boxes]).reshape(-1, 4)

    return find


def right_share(find, pictures, faces):
    """(share found with the right box, share with any matching box) by a detector, image -> boxes."""
    pairs = []
    for picture, face in zip(tqdm(pictures, unit="face", leave=False), faces):
        match = detector.best_match(find(picture), geometry.tight_box(face.points))
        if match is not None:
            pairs.append((match, geometry.tight_box(face.points)))
    mapping = detector.fit_mapping(pairs)
    if mapping is None:
        return 0.0, len(pairs) / len(faces)
    right = sum(detector.overlap(detector.map_box(found, mapping), geometry.square_box(target)) >= RIGHT_OVERLAP
                for found, target in pairs)
    return right / len(faces), len(pairs) / len(faces)


def main(argv=None):
    """Measure, and print a line a detector (or JSON alone)."""
    import cv2
    parser = Parser(prog="python -m experiments.studies.synthetic_detectors",
                                     description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="index folder of drawn faces")
    parser.add_argument("--split", default="train")
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    arguments = parser.parse_args(argv)
    index = read_index(arguments.data)
    faces = near_frontal(read_split(index, arguments.split))
    if not faces:
        raise InputError(arguments.data, "no near-frontal, unoccluded face with its yaw", "an embedded index")
    pictures = [cv2.cvtColor(cv2.imread(os.path.join(str(index.folder), face.image)), cv2.COLOR_BGR2RGB) for face in faces]
    detectors = {"OpenCV frontal cascade": detector.FaceDetector(), "MediaPipe": mediapipe_detector()}
    shares = {name: None if find is None else right_share(find, pictures, faces) for name, find in detectors.items()}
    if arguments.json:
        print(json.dumps({"faces": len(faces), "right": shares}, indent=1))
        return
    print(f"{len(faces)} near-frontal, unoccluded faces of {index.source} ({arguments.split})")
    for name, share in shares.items():
        print(f"  {name}: " + ("not installed" if share is None else
                               f"{100 * share[0]:.1f} % with the right box, {100 * share[1]:.1f} % with any that matches"))


if __name__ == "__main__":
    sys.exit(run(main))
