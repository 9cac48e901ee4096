"""From an index to batches: the Gluon data set, and an order of samples that a resumed run repeats exactly."""

import os

import mxnet as mx
import numpy as np
from mxnet import gluon

from gv.core import geometry, transforms
from gv.core.layouts import get_layout
from gv.core.pictures import read_picture, to_input


def choose_faces(faces, count):
    """``count`` faces in an even spread over a list of them; 0 = all."""
    if not count or count >= len(faces):
        return faces
    return [faces[i] for i in np.linspace(0, len(faces) - 1, count).round().astype(int)]


class FaceDataset(gluon.data.Dataset):
    """Faces of an index as (crop (S, S, 3) uint8, points_px (L, 2) float32 in crop pixels).

    folder: the index folder. augment: an ``Augment``, or None for evaluation. Each sample's randomness comes from
    (seed, epoch, index) alone, so it does not depend on workers, devices or where a run was resumed.
    """

    def __init__(self, folder, faces, layout, crop, augment=None, seed=0):
        self.folder, self.faces, self.crop, self.augment, self.seed = str(folder), faces, crop, augment, seed
        self.layout = get_layout(layout)
        self.epoch = 0

    def __len__(self):
        return len(self.faces)

    def picture(self, index):
        """The whole picture (H, W, 3) uint8 RGB of face ``index``."""
        return read_picture(os.path.join(self.folder, self.faces[index].image))

    def box(self, index):
        """The face's box as the crop policy has it; its landmarks' rectangle where the set gives none."""
        face = self.faces[index]
        given = face.box is not None and self.crop.boxes == "index"
        return face.box if given else geometry.tight_box(face.points)

    def matrix(self, index, shrink=0.0):
        """Image pixels to crop pixels of face ``index`` without augmentation, (2, 3)."""
        return self.crop.matrix(self.box(index), shrink)

    def points_px(self, index):
        """The face's landmarks (L, 2) in crop pixels without augmentation."""
        return geometry.transform_points(self.matrix(index), self.faces[index].points)

    def __getitem__(self, index):
        face, size = self.faces[index], self.crop.size
        matrix = self.matrix(index)
        if self.augment is None:
            crop = geometry.warp(self.picture(index), matrix, size)
            return crop, geometry.transform_points(matrix, face.points).astype(np.float32)
        rng = np.random.default_rng([self.seed, self.epoch, index])
        change, mirrored = transforms.random_affine(rng, size, self.augment)
        matrix = geometry.compose(change, matrix)
        crop = geometry.warp(self.picture(index), matrix, size)
        points = geometry.transform_points(matrix, face.points)
        if mirrored:
            points = points[np.asarray(self.layout.flip)]
        if self.augment.brightness or self.augment.contrast:
            crop = transforms.jitter_colour(crop, rng, self.augment.brightness, self.augment.contrast)
        if self.augment.occlusion_p and rng.random() < self.augment.occlusion_p:
            crop = transforms.occlude(crop, rng, self.augment.occlusion_side)
        return crop, points.astype(np.float32)


def epoch_order(count, seed, epoch):
    """The order of an epoch's samples: a permutation that depends on (seed, epoch) alone."""
    return np.random.default_rng([seed, epoch, count]).permutation(count)


def training_batches(dataset, batch, epoch, first_step=0, choose=list):
    """Batches of one epoch from ``first_step`` on: (input (b, 3, S, S) float32, points_px (b, L, 2) float32).

    The last batch holds what is left over and may be smaller. choose: function of a batch's rows to those that are cut.
    """
    dataset.epoch = epoch
    for rows in batch_rows(dataset, batch, epoch, first_step, choose):
        crops, points = cut(dataset, rows)
        yield to_input(crops), points


def batch_rows(dataset, batch, epoch, first_step=0, choose=list):
    """The samples of each batch of one epoch from ``first_step`` on, as lists of int; choose: which of a batch's."""
    order = epoch_order(len(dataset), dataset.seed, epoch).tolist()
    return [choose(order[start:start + batch]) for start in range(first_step * batch, len(order), batch)]


def cut(dataset, rows):
    """Samples of a data set stacked: crops (b, S, S, 3) uint8, points_px (b, L, 2) float32."""
    crops, points = zip(*(dataset[row] for row in rows))
    return np.stack(crops), np.stack(points)


def split_batch(images, points, devices):
    """Share a batch among devices: a list of (images, points, weights (b,)) NDArrays, one a device.

    A batch that does not divide evenly gives the first devices one more; a device left with nothing gets one sample
    of weight 0, so that every device still takes part in the update.
    """
    shares = []
    for device, rows in zip(devices, np.array_split(np.arange(len(images)), len(devices))):
        weights = np.ones(max(1, len(rows)), np.float32)
        if len(rows) == 0:
            rows, weights = np.array([0]), np.zeros(1, np.float32)
        shares.append(tuple(mx.nd.array(values, ctx=device) for values in (images[rows], points[rows], weights)))
    return shares
