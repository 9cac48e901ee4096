"""A net's graph as ONNX: the operators that this project's nets and decoders are made of, each by the standard's own.

MXNet brings an exporter; it lacks operators that decoding needs, and needs a library older than today's. Shapes are worked out
by MXNet, so that the written graph has none but the batch's left open.
"""

import ast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gv.core.errors import InputError
from gv.core.folding import DATA
from gv.core.onnx_merging import hard_sigmoids

OPSET = 17              # ASSUMED old enough for every runtime of today; onnxruntime 1.12 and OpenVINO 2022.3 take it
IR_VERSION = 8          # that came with it
FLOAT, UINT8 = TensorProto.FLOAT, TensorProto.UINT8
BATCHES = (2, 3)        # two sizes of a batch: what differs between them hangs on it
COMPARED = {"equal": "Equal", "greater": "Greater", "greater_equal": "GreaterOrEqual", "lesser": "Less",
            "lesser_equal": "LessOrEqual"}
ARITHMETIC = {"add": "Add", "plus": "Add", "sub": "Sub", "minus": "Sub", "mul": "Mul", "div": "Div", "maximum": "Max",
              "minimum": "Min", "power": "Pow"}
ONE_TO_ONE = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "floor": "Floor",
              "abs": "Abs", "sign": "Sign", "negative": "Neg", "_copy": "Identity", "identity": "Identity", "Dropout": "Identity"}
ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softrelu": "Softplus"}


class Writer:
    """Nodes and weights of an ONNX graph in the making. Values are known by their names."""

    def __init__(self):
        self.nodes, self.weights, self._count = [], {}, 0

    def constant(self, value, kind=np.float32):
        """The name of a constant array."""
        value = np.asarray(value, kind)
        key = f"constant_{len(self.weights)}"
        self.weights[key] = value
        return key

    def integers(self, *values):
        """The name of a constant list of whole numbers, as shapes and axes are given."""
        return self.constant(values, np.int64)

    def add(self, operator, *inputs, **attributes):
        """The name of a new node's output."""
        self._count += 1
        name = f"{operator.lower()}_{self._count}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def cast(self, value, kind=TensorProto.FLOAT):
        return self.add("Cast", value, to=kind)

    def reshape(self, value, shape):
        return self.add("Reshape", value, self.integers(*shape))


class _Node:
    """A node of a ``folding.Graph`` beside its shapes. out, inputs: shapes as lists, -1 for what hangs on the batch."""

    def __init__(self, node, out, inputs, names):
        self.node, self.op, self.out, self.shapes, self.names = node, node.op, out, inputs, names

    def get(self, name, default=None):
        """An attribute as a Python value."""
        value = self.node.attrs.get(name)
        if value is None:
            return default
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return value

    def refuse(self, what):
        raise InputError("--format onnx", f"operator {self.op} with {what}", "what gv.core.onnx_graph writes")


def _pair(value, default):
    return list(value) if value else list(default)


def _convolution(w, n):
    kernel = n.get("kernel")
    pad = _pair(n.get("pad"), (0, 0))
    if len(kernel) != 2 or n.get("layout", "NCHW") not in (None, "None", "NCHW"):
        n.refuse("other than two directions")
    return w.add("Conv", *n.names, kernel_shape=list(kernel), strides=_pair(n.get("stride"), (1, 1)), pads=pad + pad,
                 dilations=_pair(n.get("dilate"), (1, 1)), group=n.get("num_group", 1))


def _pooling(w, n):
    kind = n.get("pool_type", "max")
    if kind not in ("max", "avg"):
        n.refuse(f"pool_type {kind}")
    if n.get("global_pool", False):
        return w.add("GlobalMaxPool" if kind == "max" else "GlobalAveragePool", n.names[0])
    if n.get("pooling_convention", "valid") != "valid":
        n.refuse("rounding up")
    kernel, pad = list(n.get("kernel")), _pair(n.get("pad"), (0, 0))
    whole = [axis for axis in (2, 3) if kernel[axis - 2] == n.shapes[0][axis] and not pad[axis - 2]]
    if kind == "avg" and len(whole) == 1 and kernel[3 - whole[0]] == 1 and not any(pad):      # a map's mean rows or columns
        return w.add("ReduceMean", n.names[0], axes=whole, keepdims=1)
    options = dict(kernel_shape=kernel, strides=_pair(n.get("stride"), (1, 1)), pads=pad + pad)
    if kind == "max":
        return w.add("MaxPool", n.names[0], **options)
    return w.add("AveragePool", n.names[0], count_include_pad=int(bool(n.get("count_include_pad", True))), **options)


def _batchnorm(w, n):
    if n.get("axis", 1) != 1:
        n.refuse("an axis other than 1")
    names = list(n.names[:5])
    if n.get("fix_gamma", True):
        names[1] = w.constant(np.ones(n.shapes[1]))
    return w.add("BatchNormalization", *names, epsilon=float(n.get("eps", 1e-3)))


def _dense(w, n):
    value = n.names[0]
    if n.get("flatten", True) and len(n.shapes[0]) != 2:
        value = w.add("Flatten", value, axis=1)
    elif len(n.shapes[0]) != 2:
        n.refuse("more than two axes")
    return w.add("Gemm", value, *n.names[1:], transB=1)


def _dot(w, n):
    if n.get("transpose_a", False) or n.get("transpose_b", False) or len(n.shapes[1]) != 2:
        n.refuse("transposes, or a second factor of other than two axes")
    return w.add("MatMul", *n.names)


def _batch_dot(w, n):
    names = list(n.names)
    for place, flag in enumerate(("transpose_a", "transpose_b")):
        if n.get(flag, False):
            names[place] = w.add("Transpose", names[place], perm=[0, 2, 1])
    return w.add("MatMul", *names)


def _resized(w, n, how, scales=None, sizes=None):
    """Resize of a (B, c, h, w) map; sizes: of its last two axes, or scales of all."""
    options = dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    if how == "linear":
        options = dict(mode="linear", coordinate_transformation_mode="align_corners")
    if scales is not None:
        return w.add("Resize", n.names[0], "", w.constant(scales), **options)
    kept = w.add("Slice", w.add("Shape", n.names[0]), w.integers(0), w.integers(2))
    return w.add("Resize", n.names[0], "", "", w.add("Concat", kept, w.integers(*sizes), axis=0), **options)


def _upsampling(w, n):
    if n.get("sample_type") != "nearest" or len(n.names) != 1:
        n.refuse("more than nearest neighbours of one map")
    scale = float(n.get("scale"))
    return _resized(w, n, "nearest", (1, 1, scale, scale))


def _repeat(w, n):
    if len(n.shapes[0]) != 4 or n.get("axis") is None:
        n.refuse("other than one of four axes")
    scales = [1.0] * 4
    scales[n.get("axis")] = float(n.get("repeats"))
    return _resized(w, n, "nearest", scales)


def _bilinear(w, n):
    if n.get("mode", "size") != "size" or not n.get("align_corners", True):
        n.refuse("other than a size, corners on corners")
    return _resized(w, n, "linear", sizes=(n.get("height"), n.get("width")))


def _slice(w, n):
    end = n.get("end")
    end = np.iinfo(np.int64).max if end is None or end == "None" else end
    return w.add("Slice", n.names[0], *(w.integers(v) for v in (n.get("begin"), end, n.get("axis"))))


def _stack(w, n):
    axis = n.get("axis", 0)
    return w.add("Concat", *(w.add("Unsqueeze", name, w.integers(axis)) for name in n.names), axis=axis)


def _pick(w, n):
    axis = n.get("axis", -1)
    index = w.add("Unsqueeze", w.cast(n.names[1], TensorProto.INT64), w.integers(axis))
    return w.add("Squeeze", w.add("GatherElements", n.names[0], index, axis=axis), w.integers(axis))


def _argmax(w, n):
    return w.cast(w.add("ArgMax", n.names[0], axis=n.get("axis"), keepdims=int(bool(n.get("keepdims", False)))))


def _reduced(operator, axes_are_input):
    def write(w, n):
        axis, keep = n.get("axis"), int(bool(n.get("keepdims", False)))
        axes = [] if axis in (None, "None", ()) else [axis] if isinstance(axis, int) else list(axis)
        if axes_are_input:
            return w.add(operator, n.names[0], *([w.integers(*axes)] if axes else []), keepdims=keep)
        return w.add(operator, n.names[0], keepdims=keep, **({"axes": axes} if axes else {}))
    return write


def _one_hot(w, n):
    depth = n.get("depth")
    return w.add("OneHot", w.cast(n.names[0], TensorProto.INT64), w.constant(depth, np.int64), w.constant((0, 1)), axis=-1)


def _activation(w, n):
    kind = n.get("act_type")
    return w.add(ACTIVATIONS[kind], n.names[0]) if kind in ACTIVATIONS else n.refuse(f"act_type {kind}")


def _cast(w, n):
    return w.cast(n.names[0]) if n.get("dtype") == "float32" else n.refuse(f"dtype {n.get('dtype')}")


def _scalar(w, n, operator, swapped):
    number = w.constant(float(n.get("scalar")))
    names = (number, n.names[0]) if swapped else (n.names[0], number)
    found = w.add(operator, *names)
    return w.cast(found) if operator in COMPARED.values() else found


def _transposed(w, n):
    rank = len(n.shapes[0])
    return w.add("Transpose", n.names[0], perm=list(n.get("axes") or range(rank)[::-1]))


def _swapped(w, n):
    perm = list(range(len(n.shapes[0])))
    one, other = n.get("dim1", 0), n.get("dim2", 0)
    perm[one], perm[other] = perm[other], perm[one]
    return w.add("Transpose", n.names[0], perm=perm)


WRITTEN = {
    "Convolution": _convolution, "Pooling": _pooling, "BatchNorm": _batchnorm, "FullyConnected": _dense, "dot": _dot,
    "batch_dot": _batch_dot, "UpSampling": _upsampling, "repeat": _repeat, "_contrib_BilinearResize2D": _bilinear,
    "Activation": _activation, "slice_axis": _slice, "stack": _stack, "pick": _pick, "argmax": _argmax, "one_hot": _one_hot,
    "transpose": _transposed, "SwapAxis": _swapped, "Cast": _cast, "cast": _cast,
    "sum": _reduced("ReduceSum", True), "max": _reduced("ReduceMax", False), "min": _reduced("ReduceMin", False),
    "mean": _reduced("ReduceMean", False),
    "Concat": lambda w, n: w.add("Concat", *n.names, axis=n.get("dim", 1)),
    "Flatten": lambda w, n: w.add("Flatten", n.names[0], axis=1),
    "square": lambda w, n: w.add("Mul", n.names[0], n.names[0]),
    "clip": lambda w, n: w.add("Clip", n.names[0], w.constant(float(n.get("a_min"))), w.constant(float(n.get("a_max")))),
    "expand_dims": lambda w, n: w.add("Unsqueeze", n.names[0], w.integers(n.get("axis"))),
    "Reshape": lambda w, n: w.reshape(n.names[0], n.out),
    "reshape_like": lambda w, n: w.reshape(n.names[0], n.out),
    "broadcast_like": lambda w, n: w.add("Expand", n.names[0], w.add("Shape", n.names[1])),
    "ones_like": lambda w, n: w.add("Expand", w.constant(1.0), w.add("Shape", n.names[0])),
    "zeros_like": lambda w, n: w.add("Expand", w.constant(0.0), w.add("Shape", n.names[0])),
}


def _write(w, n):
    """Write one operator; returns the name of its output."""
    if n.op in WRITTEN:
        return WRITTEN[n.op](w, n)
    if n.op in ONE_TO_ONE:
        return w.add(ONE_TO_ONE[n.op], n.names[0])
    kinds = {**ARITHMETIC, **COMPARED}
    for before, after in (("broadcast_", ""), ("elemwise_", ""), ("_", "_scalar"), ("_r", "_scalar")):
        name = n.op[len(before):len(n.op) - len(after)]
        if n.op.startswith(before) and n.op.endswith(after) and name in kinds:
            if after:
                return _scalar(w, n, kinds[name], before == "_r")
            found = w.add(kinds[name], *n.names)
            return w.cast(found) if name in COMPARED else found
    return n.refuse(f"attributes {n.node.attrs}")


def _shapes(graph, shape):
    """{id of a node: its first output's shape}, -1 for what hangs on the batch. shape: of one input."""
    inner = graph.symbol().get_internals()
    given = {name: graph.weights[name].shape for name in inner.list_inputs() if name != DATA}
    found = [dict(zip(inner.list_outputs(), inner.infer_shape(**{DATA: (batch, *shape)}, **given)[1]))
             for batch in BATCHES]

    def of(node):
        name = node.name if node.op == "null" else f"{node.name}_output"
        name = name if name in found[0] else f"{node.name}_output0"
        return [a if a == b else -1 for a, b in zip(*(one[name] for one in found))]
    return {id(node): of(node) for node in graph.ordered()}


def model_of(graph, shape, element, names, metadata=None, producer=""):
    """The ONNX model of a ``folding.Graph`` of one input, which keeps its name.

    shape, element: the input's without its batch, and the type of its numbers, FLOAT or UINT8. names: of the outputs. metadata:
    {name: text}.
    """
    w, shapes, known = Writer(), _shapes(graph, shape), {}
    for node in graph.ordered():
        if node.op == "null":
            known[id(node)] = node.name
            if node.name != DATA:
                w.weights[node.name] = graph.weights[node.name]
            continue
        if any(output for _, output in node.inputs):
            raise InputError("--format onnx", f"a second output that {node.op} reads", "one output an operator")
        inputs = [source for source, _ in node.inputs]
        known[id(node)] = _write(w, _Node(node, shapes[id(node)], [shapes[id(source)] for source in inputs],
                                          [known[id(source)] for source in inputs]))
    outputs = []
    for (node, _), name in zip(graph.heads, names):
        w.nodes.append(helper.make_node("Identity", [known[id(node)]], [name], name=name))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shapes[id(node)][1:]]))
    nodes = hard_sigmoids(w.nodes, w.weights)
    read = {name for node in nodes for name in node.input}
    w.weights = {name: value for name, value in w.weights.items() if name in read}
    written = helper.make_graph(
        nodes, "landmarks", [helper.make_tensor_value_info(DATA, element, ["batch", *shape])], outputs,
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in w.weights.items()])
    model = helper.make_model(written, opset_imports=[helper.make_opsetid("", OPSET)], producer_name=producer,
                              ir_version=IR_VERSION)
    helper.set_model_props(model, metadata or {})
    onnx.checker.check_model(model, full_check=True)
    return model
