"""One graph on every engine that is installed here: MXNet, ONNX Runtime, OpenVINO, PyTorch eager and compiled."""

import importlib.util
import os

import mxnet as mx
import numpy as np

from gv.core import folding
from gv.core.exported import INPUT, open_session
from gv.core.method import as_list

MXNET, ONNX, OPENVINO, EAGER, COMPILED = "MXNet", "ONNX Runtime", "OpenVINO", "PyTorch", "PyTorch, compiled"
NEEDS = {ONNX: ("onnx", "onnxruntime"), OPENVINO: ("onnx", "openvino"), EAGER: ("onnx", "torch", "onnx2torch"),
         COMPILED: ("onnx", "torch", "onnx2torch")}


def installed():
    """The engines that are there, in order, and {engine: what is missing} of the others."""
    lacking = {engine: [name for name in names if importlib.util.find_spec(name) is None] for engine, names in NEEDS.items()}
    return [MXNET, *(engine for engine, names in lacking.items() if not names)], {
        engine: names for engine, names in lacking.items() if names}


def _threads():
    return int(os.environ.get("OMP_NUM_THREADS", 0) or os.cpu_count() or 1)


def _mxnet(graph, x, model):
    block = folding.fast(folding.block_of(graph, [mx.cpu()]))
    given = mx.nd.array(x)
    return lambda: [value.asnumpy() for value in as_list(block(given))]


def _onnx(graph, x, model):
    session = open_session(model.SerializeToString())
    return lambda: session.run(None, {INPUT: x})


def _openvino(graph, x, model):
    import openvino
    core = openvino.Core()
    read = core.read_model(model.SerializeToString())
    read.reshape({INPUT: list(x.shape)})
    compiled = core.compile_model(read, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": _threads(),
                                                "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()

    def call():
        found = request.infer({INPUT: x})
        return [np.array(found[output]) for output in compiled.outputs]
    return call


def _torch(graph, x, model, compiled=False):
    import onnx2torch
    import torch
    torch.set_num_threads(_threads())
    net, given = onnx2torch.convert(model).eval(), torch.from_numpy(x)
    if compiled:
        _fix_shapes(net)
        net = torch.compile(net)

    def call():
        with torch.inference_mode():
            found = net(given)
        return [value.numpy() for value in (found if isinstance(found, (list, tuple)) else [found])]
    return call


def _fix_shapes(net):
    """Have onnx2torch's reshapes and slices take their constants as numbers: the compiler does not read them from tensors."""
    from torch import nn

    class Reshape(nn.Module):
        def forward(self, value, shape):
            return value.reshape([value.shape[i] if side == 0 else side for i, side in enumerate(shape)])

    class Slice(nn.Module):
        def forward(self, value, starts, ends, axes, steps=None):
            for start, end, axis, step in zip(starts, ends, axes, steps or [1] * len(axes)):
                value = value[(slice(None),) * (axis % value.dim()) + (slice(start, end, step),)]
            return value

    for node in net.graph.nodes:
        kind = type(net.get_submodule(node.target)).__name__ if node.op == "call_module" else None
        if kind in ("OnnxReshape", "OnnxSlice") and all(other.op == "get_attr" for other in node.args[1:]):
            net.set_submodule(node.target, {"OnnxReshape": Reshape, "OnnxSlice": Slice}[kind]())
            node.args = (node.args[0], *(_attribute(net, other.target).tolist() for other in node.args[1:]))
    net.recompile()


def _attribute(net, name):
    owner, _, last = name.rpartition(".")
    return getattr(net.get_submodule(owner), last)


def _compiled(graph, x, model):
    return _torch(graph, x, model, compiled=True)


BUILDERS = {MXNET: _mxnet, ONNX: _onnx, OPENVINO: _openvino, EAGER: _torch, COMPILED: _compiled}


def build(graph, names, x):
    """({engine: function without arguments to [output, ...] of x}, {engine: why it is not there}).

    graph: a ``folding.Graph``; names: of its outputs; x: (B, 3, S, S) float32. An engine that cannot take the graph is left out
    and says so.
    """
    there, missing = installed()
    reasons = {engine: f"not installed: {', '.join(lacking)}" for engine, lacking in missing.items()}
    model = None
    if len(there) > 1:
        from gv.core import onnx_graph
        model = onnx_graph.model_of(graph, x.shape[1:], onnx_graph.FLOAT, names)
    functions = {}
    for engine in there:
        try:
            function = BUILDERS[engine](graph, x, model)
            function()
            functions[engine] = function
        except Exception as error:      # whatever an engine says to a graph that it cannot take
            reasons[engine] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:120] if str(error).strip() else ''}"
    return functions, reasons
