"""The training loop: any number of devices, one flat loop, checkpoints that resume bit for bit."""

import csv
import ctypes
import math
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import mxnet as mx
import numpy as np
from gluoncv.utils import LRScheduler, LRSequential, freeze_bn
from mxnet import autograd, gluon
from tqdm import tqdm

from gv.core import checkpoint, coverage, member, spread, transfer
from gv.core.data import FaceDataset, split_batch
from gv.core.errors import InputError
from gv.core.exits import Interrupted, Stop
from gv.core.faces import faces_digest
from gv.core.files import lock, remove_leftovers, replacing, write_json
from gv.core.loader import Loader, default_workers
from gv.core.machine import cores
from gv.core.method import as_list
from gv.core.run import CONFIG_FILE, check_whole, read_fitted, refuse_other
from gv.core.synced import synchronise

LOG_FILE = "log.csv"
LOG_SECONDS = 30    # between lines of progress where nobody watches
SAVE_SECONDS = 60   # a checkpoint at the end of the epoch in which this much time has passed since the last one
INIT_SEED_OFFSET = 1
MALLOC_ARENA_MAX = -8    # mallopt's name for it


def steady_memory():
    """Keep glibc to one arena: with one a thread, memory that a thread of MXNet frees is not used again by the others.

    What MXNet 1.9.1 loses in oneDNN's backward passes, 19 KB a step whatever the net, is not to be had back; without oneDNN
    (MXNET_MKLDNN_ENABLED=0) nothing is lost.
    """
    try:
        ctypes.CDLL(None).mallopt(MALLOC_ARENA_MAX, 1)
    except (OSError, AttributeError):     # another C library
        pass


def learning_rates(training, steps_an_epoch):
    """The rate of each step as a function of the step's number, from 0."""
    total = training.epochs * steps_an_epoch
    rising = min(math.ceil(training.warmup * steps_an_epoch), total // 2)
    rising = rising if rising > 1 else 0  # GluonCV's schedules divide by their length less one
    rest = dict(base_lr=training.lr, niters=max(2, total - rising))
    if training.schedule == "cosine":
        main = LRScheduler("cosine", target_lr=0, **rest)
    else:
        edges = [math.ceil(epoch * steps_an_epoch) - rising for epoch in training.lr_epochs]
        main = LRScheduler("step", step_iter=edges, step_factor=training.lr_factor, **rest)
    if not rising:
        return main
    return LRSequential([LRScheduler("linear", base_lr=training.lr / rising, target_lr=training.lr, niters=rising), main])


class Optimiser:
    """Adam over all devices of all ranks (``many``): Gluon's Trainer, with its state saved as plain arrays."""

    def __init__(self, net, devices, wd, step=0, many=spread.ALONE):
        self.parameters, self.many = net.collect_params(), many
        adam = mx.optimizer.Adam(wd=wd, begin_num_update=step)
        store = "device" if len(devices) > 1 and many.size == 1 else None
        self.ordered = [self.parameters[name] for name in sorted(self.parameters.keys())]   # 1.9.1's own order; 1.5.1 has another
        self.trainer = gluon.Trainer(self.ordered, adam, kvstore=store, update_on_kvstore=False if store else None)
        many.start(self.ordered)
        if store:  # now, or its first step would give every device the first one's BatchNorm statistics
            self.trainer._init_kvstore()
            self.trainer._init_params()

    def step(self, rate, images):
        self.trainer.set_learning_rate(rate)
        self.many.update(self.trainer, self.ordered, images)

    def state(self):
        """{"<index>.mean", "<index>.var": NDArray}, of the first device; the others hold the same."""
        states = self.trainer._updaters[0].states
        return {f"{index}.{name}": value.as_in_context(mx.cpu())
                for index, pair in states.items() for name, value in zip(("mean", "var"), pair)}

    def restore(self, saved):
        for updater, device in zip(self.trainer._updaters, self.trainer._contexts):
            for index in sorted({int(name.partition(".")[0]) for name in saved}):
                updater.states[index] = tuple(saved[f"{index}.{name}"].copyto(device) for name in ("mean", "var"))
                updater.states_synced[index] = True


def _start_weights(run, net, devices, start):
    """Initial weights: drawn from the seed, then whatever ``start`` names. Returns how they began, for the record, and what the
    run that they are of was trained on, or ""."""
    mx.random.seed(run.training.seed + INIT_SEED_OFFSET)
    net.initialize(mx.init.Xavier(), ctx=devices)
    # one pass settles the shapes that were left open, before anything is copied in
    net(mx.nd.zeros((1, 3, run.crop.size, run.crop.size), ctx=devices[0]))
    if start == "scratch":
        return "from scratch", ""
    if transfer.is_run(start):
        return transfer.begin(run, net, start)
    if start != "imagenet" and not os.path.isfile(start):
        raise InputError("start", f'"{start}"', "scratch, imagenet, a run's folder, or a .params file of the model zoo")
    try:
        if start != "imagenet":
            checkpoint.check_params(Path(start).read_bytes(), start)
        run.method.load_start(net, None if start == "imagenet" else start, devices)
    except Exception as error:  # the zoo raises anything from AssertionError to a failed download
        if isinstance(error, InputError) and error.where != str(start):
            raise
        reason = error.found if isinstance(error, InputError) else str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError("start", f"{start}: {reason}", "weights of this encoder from Gluon's or GluonCV's model zoo",
                         "download the file elsewhere and give its path, or use start=scratch") from None
    return f"ImageNet weights ({'model zoo' if start == 'imagenet' else Path(start).name})", ""


def read_log(folder, step=None):
    """The rows of a run's log, as {column: text}, up to a step: what a resumed run keeps."""
    path = Path(folder) / LOG_FILE
    if not path.is_file():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as lines:
            return [row for row in csv.DictReader(lines) if step is None or int(row["step"]) <= step]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"not a training log ({type(error).__name__})", "the log.csv that train wrote",
                         "restore it, or remove it and go on without the earlier rows") from None


def _write_log(path, rows):
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def share_statistics(net, many=spread.ALONE):
    """Give every device the average of the BatchNorm statistics, which each gathered from its own share of the batches."""
    many.average([parameter for parameter in net.collect_params().values() if parameter.grad_req == "null"])


def train(folder, run, index, faces, devices, resume=False, curve=None, quiet=False, stop_after=None,
          workers=None):
    """Train ``run`` on ``faces`` of ``index`` and leave a checkpoint, log.csv and config.json in ``folder``.

    devices: MXNet contexts; each takes an equal share of every batch. resume: go on from the checkpoint in ``folder``
    if there is one; the result is the same, bit for bit, as without the interruption (at one thread count).
    Ctrl-C and TERM leave a checkpoint at the next step and raise ``exits.Interrupted``. InputError where another process trains
    in ``folder``, or its checkpoint is of other options, faces or numbers of devices.
    curve: function of (net, fitted) to {name: number}, called as ``training.curve_every`` asks and logged; it selects nothing.
    stop_after: end early after so many steps in all (a checkpoint is left). workers: processes that cut the batches, which
    changes no number; 0: this one; None: as many as GPUs want. Returns the net.

    BatchNorm normalises each device's share by itself, unless ``batchnorm=sync``; the running statistics are averaged over
    devices after every epoch. Over several processes (``spread.here``) ``devices`` are this one's: it is as if all of them were
    one process's. Rank 0 alone reads and writes ``folder``, and computes the curve.
    """
    folder, many = Path(folder), spread.here()
    steady_memory()
    with ExitStack() as held, Stop().listening() as stop:
        if folder.is_dir() and many.rank == 0:
            _claim(folder, held)
        net = _train(folder, run, index, faces, devices, resume, curve, quiet, stop_after, workers, stop, held, many)
    many.finish()
    return net


def _claim(folder, held):
    """Lock a run's folder, made if need be, until ``held`` (an ExitStack) ends."""
    mine = lock(folder, wait=False)
    if mine is None:
        raise InputError(folder, "another process is training here", "a folder of its own for each training",
                         "wait for it, or choose another --out")
    held.enter_context(mine)


def _train(folder, run, index, faces, devices, resume, curve, quiet, stop_after, workers, stop, held, many):
    """``train``. stop: says whether an end was asked for; held: keeps the folder's lock, once there is a folder; many: the
    ranks."""
    training, writes, total = run.training, many.rank == 0, many.size * len(devices)
    new, resume = writes and not folder.is_dir(), resume and (folder / checkpoint.FOLDER / checkpoint.SIDECAR).is_file()
    if writes:
        remove_leftovers(folder)
        remove_leftovers(folder / checkpoint.FOLDER)
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop, run.augment, training.seed)
    learnt_on = faces_digest(faces)
    many.agree("options, faces, devices or versions", [run.config(), learnt_on, len(devices), {**versions(), "omp_threads": ""}])
    sidecar = many.first(lambda: checkpoint.read_sidecar(folder) if resume else None)
    if sidecar and sidecar.get("faces_sha256") != learnt_on:
        raise InputError(folder, "the run was made with other training faces", "the same --data and --split",
                         "give those, or choose another --out")
    if sidecar:
        check_whole(sidecar, folder)
        refuse_other(sidecar.get("config"), run, folder / checkpoint.FOLDER / checkpoint.SIDECAR)
        if len(sidecar.get("devices") or [0] * total) != total:
            raise InputError(folder, f"the run was trained on {len(sidecar['devices'])} devices, now {total}",
                             "as many: BatchNorm sees other shares of a batch", "give as many --devices, or choose another --out")
        fitted, covers = read_fitted(sidecar), sidecar.get("coverage")
    else:
        def fit():
            still = FaceDataset(index.folder, faces, index.layout, run.crop)
            shapes = np.stack([still.points_px(i) for i in range(len(still))])
            made = run.method.fit(shapes, training.seed)
            made = {name: np.asarray(value, np.float64).tolist() for name, value in made.items()}
            return made, coverage.spread(shapes, run.crop.size)

        values, covers = many.first(fit)
        fitted = {name: np.asarray(value, np.float64) for name, value in values.items()}
    net = run.method.net(run.landmarks, fitted)
    began, before = _start_weights(run, net, devices, "scratch" if sidecar else training.start)
    provenance = transfer.provenance(index.provenance_line(), before)
    step, spent, within = 0, 0.0, {"losses": [], "images": 0}
    if sidecar:
        step, spent, began, provenance = (sidecar[name] for name in ("step", "seconds", "start", "provenance"))
        within = sidecar.get("within_epoch") or within
        parts = dict.fromkeys(["weights", *(["optimiser"] if step else []), *sidecar["files"]])
        saved = many.first_arrays(lambda: dict(zip(parts, checkpoint.read(folder, *parts)[1:])))
        checkpoint.scatter(net, saved["weights"], folder)
    optimiser = Optimiser(net, devices, training.wd, step, many)
    if sidecar and step:
        optimiser.restore(saved["optimiser"])
        if "statistics" in saved:
            checkpoint.scatter_statistics(net, saved["statistics"], folder, many.rank * len(devices))
    if training.batchnorm == "frozen":
        freeze_bn(net)  # not record(train_mode=False): MXNet's max pooling on the CPU has no gradient there, but noise
    if training.batchnorm == "sync" and many.size > 1:
        raise InputError("batchnorm=sync", f"{many.size} processes", "one process: it does not reach over them")
    if training.batchnorm == "sync" and len(devices) > 1:
        synchronise(net, devices)
    net.hybridize(static_alloc=True)
    loss = run.method.loss(fitted)
    loss.initialize(ctx=devices)
    loss.hybridize(static_alloc=True)

    steps_an_epoch = math.ceil(len(faces) / training.batch)
    rate = learning_rates(training, steps_an_epoch)
    rows = read_log(folder, step) if writes else []
    if new:
        _claim(folder, held)  # not before every option has been understood
    if writes:
        write_json(folder / CONFIG_FILE, run.config())

    def save():
        facts = {"step": step, "epoch": step // steps_an_epoch, "seconds": spent, "start": began, "config": run.config(),
                 "provenance": provenance, "box_source": index.box_source, "normaliser": index.normaliser,
                 "coverage": covers,
                 "fitted": {name: value.tolist() for name, value in fitted.items()},
                 "fitted_sha256": checkpoint.fitted_digest(fitted), "faces_sha256": learnt_on,
                 "devices": [str(device) for device in devices] * many.size,
                 "within_epoch": {"losses": epoch_loss, "images": epoch_images} if step % steps_an_epoch else None,
                 "versions": versions(), "finished": step >= training.epochs * steps_an_epoch}
        apart = total > 1 and step % steps_an_epoch      # BatchNorm's statistics, averaged when an epoch ends
        statistics = many.union(checkpoint.gather_statistics(net), len(devices)) if apart else None
        weights = {**checkpoint.gather(net), **checkpoint.averaged(statistics or {})}
        many.check_equal(weights)
        if writes:
            checkpoint.save(folder, facts, weights, optimiser.state(), statistics)
            member.beat(f"saved {step}")

    workers = default_workers(devices, cores()) if workers is None else workers
    loader = held.enter_context(Loader(dataset, training.batch, workers, many.chooser(len(devices))))
    last_save = clock = time.perf_counter()
    end = training.epochs * steps_an_epoch
    with tqdm(total=end, initial=step, unit="step", disable=quiet or not writes, desc=folder.name, dynamic_ncols=True,
              mininterval=0.1 if sys.stderr.isatty() else LOG_SECONDS) as bar:
        while step < end:
            epoch, first = divmod(step, steps_an_epoch)
            epoch_loss, epoch_images, epoch_start = list(within["losses"]), within["images"], time.perf_counter()
            earlier, within = epoch_images, {"losses": [], "images": 0}
            for images, points in loader.batches(epoch, first):
                whole = min(training.batch, len(faces) - step % steps_an_epoch * training.batch)
                parts = many.weigh(split_batch(images, points, devices), whole)
                with autograd.record():
                    losses = [(loss(*as_list(net(x)), y) * weight).sum() for x, y, weight in parts]
                autograd.backward(losses)
                optimiser.step(rate(step), whole)
                step += 1
                if epoch_loss:
                    _check_finite(epoch_loss, folder, step - 1)  # waits for the step before this one: the queue stays short
                epoch_loss.append(many.total(losses, stop.number, step))
                epoch_images += whole
                bar.update(1)
                if step == stop_after or many.ending(stop.number) is not None:
                    break
            _check_finite(epoch_loss, folder, step)
            mx.nd.waitall()  # before BatchNorm's statistics are read: backward passes, which write them, may still be running
            now = time.perf_counter()
            spent, clock = spent + now - clock, now
            ending = many.ending(stop.number, done=True)     # once: a signal that comes later is for the next time round
            if ending is not None and step % steps_an_epoch:
                save()
                raise Interrupted(ending, f"{step} of {end} steps are kept in {folder}; --resume goes on")
            mean = sum(epoch_loss) / epoch_images
            speed = (epoch_images - earlier) / (now - epoch_start)
            bar.set_postfix(epoch=f"{epoch + 1}/{training.epochs}", loss=f"{mean:.4g}", images_s=f"{speed:.0f}")
            row = {"step": step, "epoch": epoch + 1, "loss": f"{mean:.6g}", "lr": f"{rate(step - 1):.4g}",
                   "seconds": f"{spent:.3f}", "images_per_second": f"{speed:.1f}"}
            share_statistics(net, many)  # every epoch, not when a checkpoint is due: the clock must not change the result
            if curve and writes and ((epoch + 1) % training.curve_every == 0 or step >= end):
                row.update({name: f"{value:.6g}" for name, value in curve(net, fitted).items()})
                clock = time.perf_counter()  # the curve's own time is not training time
            rows.append(row)
            if writes:
                _write_log(folder / LOG_FILE, rows)
            due = many.first(lambda late=now - last_save > SAVE_SECONDS: late)
            if step >= end or step == stop_after or due or ending is not None:
                save()
                last_save = clock = time.perf_counter()
            if ending is not None:
                raise Interrupted(ending, f"{step} of {end} steps are kept in {folder}; --resume goes on")
            if step == stop_after:
                break
    return net


def _check_finite(losses, folder, step):
    """Turn the last step's losses into a number, in place; a diverged run ends with a line instead of NaN weights."""
    if isinstance(losses[-1], list):
        losses[-1] = sum(float(value.asscalar()) for value in losses[-1])
        if not math.isfinite(losses[-1]):
            kept = folder / checkpoint.FOLDER / checkpoint.SIDECAR
            kept = (f"the checkpoint of step {checkpoint.read_sidecar(folder)['step']} is kept" if kept.is_file() else
                    "there is no checkpoint yet")
            raise InputError(folder, f"the loss is {losses[-1]} at step {step}", "a finite loss",
                             f"lower lr, or lengthen warmup; {kept}")


def versions():
    """What a number may depend on: Python and library versions, threads."""
    import platform

    import cv2
    import gluoncv

    from gv import __version__
    return {"project": __version__, "python": platform.python_version(), "mxnet": mx.__version__,
            "gluoncv": gluoncv.__version__, "numpy": np.__version__, "opencv": cv2.__version__,
            "omp_threads": os.environ.get("OMP_NUM_THREADS", "unset")}
