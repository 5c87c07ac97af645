"""What a network takes and gives, held against what its document says."""

from typing import Any

from edgecls.errors import ModelFileError
from edgecls.modelfile import ACTIVATION_NAME, INPUT_NAME, OUTPUT_NAME, ModelFile

__all__ = ["check_signature"]


def check_signature(network: Any, model: ModelFile) -> None:
    """Refuse a network whose input or output is not what its document says.

    Args:
        network: An onnxruntime session, or what tells its inputs and outputs in the same way.
        model: The model file it was opened from.

    Raises:
        ModelFileError: They are not; the message says what both are.
    """
    spec = model.card.image
    inputs = [(node.name, node.type, tuple(node.shape[1:])) for node in network.get_inputs()]
    outputs = [(node.name, node.type, tuple(node.shape[1:])) for node in network.get_outputs()]
    if inputs != [(INPUT_NAME, "tensor(uint8)", spec.shape_hwc)]:
        raise ModelFileError(
            f"cannot use model {model.path!r}: its document promises one input {INPUT_NAME!r}, uint8 of shape "
            f"(N, {', '.join(map(str, spec.shape_hwc))}), its network takes {inputs}; export it again"
        )
    if (OUTPUT_NAME, "tensor(float)", (len(model.card.labels),)) not in outputs:
        raise ModelFileError(
            f"cannot use model {model.path!r}: its document names {len(model.card.labels)} labels, which takes an "
            f"output {OUTPUT_NAME!r}, float32 of shape (N, {len(model.card.labels)}); its network gives {outputs}; "
            "export it again"
        )
    for name, kind, shape in outputs:
        if name == ACTIVATION_NAME and (kind, len(shape), shape[-1:]) != (
            "tensor(float)",
            3,
            (len(model.card.labels),),
        ):
            raise ModelFileError(
                f"cannot use model {model.path!r}: its output {name!r} must be float32 of shape "
                f"(N, h, w, {len(model.card.labels)}), it is {kind} of shape (N, {', '.join(map(str, shape))}); "
                "export it again"
            )
