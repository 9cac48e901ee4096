"""Several nodes of an ONNX graph that are one of the standard's operators."""

from onnx import helper


def hard_sigmoids(nodes, weights):
    """The nodes with min(max(x + a, 0), b) / b, MobileNetV3's, as the one operator that it is, and x times that at a = 3, b = 6
    as another: engines work through the values once."""
    made = {node.output[0]: node for node in nodes}
    readers = {}
    for node in nodes:
        for name in node.input:
            readers.setdefault(name, []).append(node)

    def before(node, operator):
        """The node of an operator that gives a node's first input, which nobody else reads."""
        found = made.get(node.input[0])
        return found if found is not None and found.op_type == operator and len(readers[node.input[0]]) == 1 else None

    def number(name):
        return float(weights[name]) if name in weights and weights[name].ndim == 0 else None

    swapped, gone = {}, set()      # {id of a node: what stands for it}
    for node in nodes:
        clip = before(node, "Clip") if node.op_type == "Div" else None
        add = clip is not None and before(clip, "Add")
        if not add:
            continue
        shift, low, high, over = number(add.input[1]), number(clip.input[1]), number(clip.input[2]), number(node.input[1])
        if shift is None or low != 0 or over is None or high != over or not over > 0:
            continue
        gone |= {id(add), id(clip)}
        value, after = add.input[0], readers.get(node.output[0], [])
        times = after[0] if len(after) == 1 and after[0].op_type == "Mul" and value in after[0].input else None
        if times is not None and (shift, over) == (3, 6):
            gone.add(id(node))
            swapped[id(times)] = helper.make_node("HardSwish", [value], list(times.output), name=times.name)
        else:
            swapped[id(node)] = helper.make_node("HardSigmoid", [value], list(node.output), name=node.name,
                                                 alpha=1 / over, beta=shift / over)
    return [swapped.get(id(node), node) for node in nodes if id(node) not in gone]
