"""A trained net's graph made smaller, with the same outputs: what its weights alone decide is worked out once.

Two passes over the symbol of a HybridBlock, whatever it is: every part that no input reaches becomes a weight, and every
BatchNorm becomes part of the convolution before it. ``fold`` proves on an input that the outputs are the same, and says so.
"""

import ast
import json
from dataclasses import dataclass, field

import mxnet as mx
import numpy as np
from mxnet import gluon

from gv.core import gaps
from gv.core.method import as_list

DATA = "data"
TOLERANCE = 1e-5      # of the outputs' L2 distance, relative: above it the plain net is kept
TRIED, TRIED_SEED = 2, 0     # pictures of noise that equality is shown on


@dataclass
class Node:
    """An operator or, with op "null", an input or weight. inputs: [[Node, number of its output], ...]."""

    op: str
    name: str
    attrs: dict = field(default_factory=dict)
    inputs: list = field(default_factory=list)

    def flag(self, name, default=False):
        """An attribute that is True or False."""
        return ast.literal_eval(self.attrs[name]) if name in self.attrs else default


class Graph:
    """The nodes of a symbol in the order they are worked out, its heads [[Node, output], ...], and its weights {name: array}."""

    def __init__(self, symbol, weights):
        written = json.loads(symbol.tojson())
        self.nodes, self.weights, self._attrs = [], dict(weights), written.get("attrs", {})
        for node in written["nodes"]:
            inputs = [[self.nodes[entry[0]], entry[1]] for entry in node["inputs"]]
            self.nodes.append(Node(node["op"], node["name"], dict(node.get("attrs", {})), inputs))
        self.heads = [[self.nodes[entry[0]], entry[1]] for entry in written["heads"]]

    def readers(self):
        """{id of a node: [(entry that reads it, its owner), ...]}: a [Node, output] that may be changed in place, and the Node
        that has it as an input, or None where it is a head."""
        found = {id(node): [] for node in self.nodes}
        for owner in [*self.ordered(), None]:
            for entry in self.heads if owner is None else owner.inputs:
                found[id(entry[0])].append((entry, owner))
        return found

    def ordered(self):
        """The nodes that the heads reach, inputs before their readers."""
        done, order, stack = set(), [], [entry[0] for entry in reversed(self.heads)]
        while stack:
            node = stack[-1]
            if id(node) in done:
                stack.pop()
                continue
            waiting = [entry[0] for entry in node.inputs if id(entry[0]) not in done]
            if waiting:
                stack.extend(reversed(waiting))
                continue
            done.add(id(node))
            order.append(stack.pop())
        return order

    def symbol(self, heads=None):
        """The MXNet symbol of the graph, or of other heads in it."""
        kept, self.heads = self.heads, self.heads if heads is None else heads
        order = self.ordered()
        self.heads = kept
        heads = kept if heads is None else heads
        number = {id(node): i for i, node in enumerate(order)}
        nodes = []
        for node in order:
            inputs = [[number[id(source)], output, 0] for source, output in node.inputs]
            nodes.append({"op": node.op, "name": node.name, "inputs": inputs, **({"attrs": node.attrs} if node.attrs else {})})
        return mx.sym.load_json(json.dumps({
            "nodes": nodes, "arg_nodes": [i for i, node in enumerate(order) if node.op == "null"],
            "heads": [[number[id(node)], output, 0] for node, output in heads], "attrs": self._attrs}))

    def weight(self, name, value):
        """A new weight's Node."""
        self.weights[name] = np.asarray(value, np.float32)
        node = Node("null", name)
        self.nodes.append(node)
        return node


def _constants(graph):
    """Work out what no input reaches, once."""
    fixed = set()
    for node in graph.ordered():
        known = node.name in graph.weights if node.op == "null" else all(id(source) in fixed for source, _ in node.inputs)
        if known and node.op not in ("BatchNorm", "Dropout"):
            fixed.add(id(node))
    edge = {}       # outputs of fixed operators that others read
    for node in graph.ordered():
        for entry in node.inputs if id(node) not in fixed else ():
            if id(entry[0]) in fixed and entry[0].op != "null":
                edge.setdefault((id(entry[0]), entry[1]), []).append(entry)
    if not edge:
        return
    heads = [list(entries[0]) for entries in edge.values()]
    symbol = graph.symbol(heads)
    values = as_list(mx.nd.CachedOp(symbol)(*(mx.nd.array(graph.weights[name]) for name in symbol.list_inputs())))
    for (head, output), entries, value in zip(heads, edge.values(), values):
        made = graph.weight(f"{head.name}_{output}_folded", value.asnumpy())
        for entry in entries:
            entry[:] = [made, 0]


def _affine(graph, node):
    """(scale (C,), shift (C,)) of a BatchNorm that uses its running statistics, in float64."""
    gamma, beta, mean, var = (graph.weights[source.name].astype(np.float64) for source, _ in node.inputs[1:])
    gamma = np.ones_like(gamma) if node.flag("fix_gamma", True) else gamma
    scale = gamma / np.sqrt(var + float(node.attrs.get("eps", 1e-3)))
    return scale, beta - mean * scale


def _batchnorms(graph):
    """Fold each BatchNorm into the convolution before it, or, where it shifts nothing, into those after it."""
    readers = graph.readers()

    def own(convolution):
        """Whether an operator is a convolution whose weights are known and nobody else's."""
        return convolution is not None and convolution.op == "Convolution" and all(
            source.name in graph.weights and len(readers[id(source)]) == 1 for source, _ in convolution.inputs[1:])

    def give(convolution, place, value):
        """A new weight for a convolution, at a place among its inputs."""
        made = [graph.weight(f"{convolution.name}_{place}_folded", value), 0]
        readers[id(made[0])] = [(made, convolution)]
        convolution.inputs[place:place + 1] = [made]

    for node in graph.ordered():
        reading = readers.get(id(node), [])
        if node.op != "BatchNorm" or any(entry[1] for entry, _ in reading) or int(node.attrs.get("axis", 1)) != 1:
            continue
        before, (scale, shift) = node.inputs[0][0], _affine(graph, node)
        if own(before) and len(readers[id(before)]) == 1:
            bias = 0 if before.flag("no_bias") else graph.weights[before.inputs[2][0].name]
            give(before, 1, graph.weights[before.inputs[1][0].name] * scale[:, None, None, None])
            give(before, 2, bias * scale + shift)
            before.attrs["no_bias"] = "False"
        elif not np.any(shift) and all(own(other) and other.inputs[0] is entry and other.attrs.get("num_group", "1") == "1"
                                       for entry, other in reading):
            for _, other in reading:
                give(other, 1, graph.weights[other.inputs[1][0].name] * scale[None, :, None, None])
        else:
            continue
        kept = [reader for reader in readers[id(before)] if reader[1] is not node]
        readers[id(before)] = kept + reading
        for entry, _ in reading:
            entry[:] = node.inputs[0]


def graph_of(net):
    """The ``Graph`` of a net as it is."""
    data = mx.sym.var(DATA, dtype="float32")
    outputs = net(data)
    weights = {parameter.name: parameter.data(parameter.list_ctx()[0]).asnumpy() for parameter in net.collect_params().values()}
    return Graph(mx.sym.Group(list(outputs)) if isinstance(outputs, (list, tuple)) else outputs, weights)


def folded_graph(net):
    """The ``Graph`` of a net, folded; nothing is checked."""
    graph = graph_of(net)
    _constants(graph)
    _batchnorms(graph)
    return graph


def block_of(graph, devices):
    """A ``SymbolBlock`` of a ``Graph``, hybridized, on ``devices``."""
    block = gluon.SymbolBlock(graph.symbol(), [mx.sym.var(DATA, dtype="float32")])
    for name, parameter in block.collect_params().items():
        parameter._load_init(mx.nd.array(graph.weights[name]), devices)
    block.hybridize(static_alloc=True)
    return block


def fast(block):
    """A HybridBlock, hybridized for inputs of one shape."""
    block.hybridize(static_alloc=True, static_shape=True)
    return block


def folded(net, devices):
    """``fast`` block of a net's folded graph, on ``devices``; nothing is checked."""
    return fast(block_of(folded_graph(net), devices))


def fold(net, plain, size, devices):
    """(net to use, L2 distance of its outputs from ``plain``'s, relative): the folded ``net``, or ``plain`` where they differ.

    net: a HybridBlock from images (B, 3, size, size); plain: one that gives the same outputs by the way it was trained. The
    distance is that on ``TRIED`` pictures of noise; above ``TOLERANCE``, or where a value is not finite, ``plain`` is kept.
    """
    noise = mx.nd.array(np.random.default_rng(TRIED_SEED).normal(size=(TRIED, 3, size, size)), ctx=devices[0])
    expected = [value.asnumpy() for value in as_list(plain(noise))]     # first: it settles shapes that were left open
    made = block_of(folded_graph(net), devices)
    apart = gaps.longest([value.asnumpy() for value in as_list(made(noise))], expected)
    return (made if apart <= TOLERANCE else plain), apart
