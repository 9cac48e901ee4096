"""Multiply-adds of a net, counted from its graph."""

import json
from dataclasses import dataclass

import numpy as np

COUNTED = ("Convolution", "FullyConnected", "batch_dot", "dot")


@dataclass(frozen=True)
class Size:
    """Of one forward pass: multiply_adds; outputs: numbers that all operators give out together; weights: of the net."""

    multiply_adds: int
    outputs: int
    weights: int


def size_of(net, shape):
    """The ``Size`` of a HybridBlock, initialised or not, on an input of ``shape`` (1, 3, S, S)."""
    import mxnet as mx
    graph = net(mx.sym.var("data"))
    graph = mx.sym.Group(list(graph)) if isinstance(graph, (list, tuple)) else graph
    inner = graph.get_internals()
    given = {*graph.list_arguments(), *graph.list_auxiliary_states()}
    sizes = {name: int(np.prod(size)) for name, size in zip(inner.list_outputs(), inner.infer_shape(data=shape)[1])}
    return Size(sum(multiply_adds(net, shape).values()), sum(size for name, size in sizes.items() if name not in given),
                sum(size for name, size in sizes.items() if name in given and name != "data"))


def multiply_adds(net, shape):
    """{operator: multiply-adds} of one forward pass of a HybridBlock, initialised or not, on an input of ``shape`` (1, 3, S, S).

    Counted are convolutions, fully connected layers and matrix products, biases and all elementwise work left out, as is
    usual for the papers' "FLOPs".
    """
    import mxnet as mx
    graph = net(mx.sym.var("data"))
    graph = mx.sym.Group(list(graph)) if isinstance(graph, (list, tuple)) else graph
    inner = graph.get_internals()
    sizes = dict(zip(inner.list_outputs(), inner.infer_shape(data=shape)[1]))
    nodes = json.loads(graph.tojson())["nodes"]
    counts = dict.fromkeys(COUNTED, 0)

    def size(name):
        return sizes.get(f"{name}_output", sizes.get(name))

    for node in nodes:
        if node["op"] not in COUNTED:
            continue
        options, inputs = node.get("attrs", {}), [size(nodes[i]["name"]) for i, *_ in node["inputs"]]
        out = int(np.prod(size(node["name"])))
        if node["op"] in ("Convolution", "FullyConnected"):
            counts[node["op"]] += out * int(np.prod(inputs[1][1:]))      # weights of one output: (in / groups) x kernel
        else:
            counts[node["op"]] += out * inputs[0][-2 if options.get("transpose_a") == "True" else -1]
    return {name: count for name, count in counts.items() if count}
