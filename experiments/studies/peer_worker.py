"""One whole pipeline, from a picture's file to landmarks, in a process and an environment of its own; ``peers`` asks it.

Imports nothing of this project but for ``gv``, and that only where it is asked for: an environment with the peer alone is enough.
It reads a path a line and answers a line of JSON: seconds, and the landmarks of the largest or first face, or none.
"""

import json
import os
import sys
import time


def _ours(run):
    sys.path.insert(0, os.environ["GV_ROOT"])
    import gv
    detector = gv.load(run or None)

    def find(path):
        faces = detector(path, boxes=None)
        return faces[0].points.tolist() if faces else None
    return find


def _mediapipe(_):
    import cv2
    import mediapipe
    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1)

    def find(path):
        picture = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        faces = mesh.process(picture).multi_face_landmarks
        height, width = picture.shape[:2]
        return [[point.x * width, point.y * height] for point in faces[0].landmark] if faces else None
    return find


def _dlib(_):
    import cv2
    import dlib
    import face_recognition_models
    look = dlib.get_frontal_face_detector()
    predict = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())

    def find(path):
        picture = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        boxes = look(picture, 0)
        return [[part.x, part.y] for part in predict(picture, boxes[0]).parts()] if boxes else None
    return find


PIPELINES = {"ours": _ours, "mediapipe": _mediapipe, "dlib": _dlib}


def main():
    """Answer until the input ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)       # what a library prints is no answer
    find = PIPELINES[sys.argv[1]](sys.argv[2] if len(sys.argv) > 2 else "")
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        begin = time.perf_counter()
        points = find(line.rstrip("\n"))
        print(json.dumps({"seconds": time.perf_counter() - begin, "points": points}), file=out, flush=True)


if __name__ == "__main__":
    main()
