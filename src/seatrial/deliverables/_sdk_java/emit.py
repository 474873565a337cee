"""Writes `Pipeline.java`: the contract's tensors and its steps in order, with their constants."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from seatrial import extensions
from seatrial.contract import Contract, Pipeline, StepCall, TensorSpec
from seatrial.contract.labels import fingerprint
from seatrial.deliverables._deliverable import Handover
from seatrial.deliverables._sdk_java.sources import class_of, parameters_of
from seatrial.errors import UnsupportedModel

_FUZZY = ("resize", "resize_limit", "resize_long", "resize_short", "resize_width")

_HEAD = """package seatrial;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
{imports}
/**
 * {about}: what goes in and what comes out, as its contract says. Generated.
 *
 * <p>One pipeline serves any number of threads.
 */
public final class Pipeline extends StepPipeline {{
    /** Of the model, as the service knows it. */
    public static final String NAME = {name};

    /** Of the bundle. */
    public static final String VERSION = {version};

    /** The ONNX model in the bundle; empty when there is none. */
    public static final String MODEL = {model};

    /** Parts of 255 by which a prepared array may differ from the reference; 0: not at all. */
    public static final double FEED_LEVELS = {levels};

    /** What the model takes. */
    public static final List<TensorSpec> INPUTS = List.of({inputs});

    /** What the model gives, bound by order: names change from format to format. */
    public static final List<TensorSpec> OUTPUTS = List.of({outputs});

    /**
     * A pipeline with lists that were read before.
     *
     * @param labels of the contract
     * @param vocabulary of the contract
     * @param root folder that relative file names in payloads start from
     */
    public Pipeline(Names labels, Names vocabulary, Path root) {{
        super(labels, vocabulary, root, INPUTS, OUTPUTS);
    }}

    /**
     * The pipeline of a bundle; its labels and vocabulary are read and checked.
     *
     * @param bundle the bundle's folder
     */
    public static Pipeline open(Path bundle) {{
        return new Pipeline({labels}, {vocabulary}, bundle);
    }}

    @Override
    public String task() {{
        return {task};
    }}

    @Override
    protected Object preprocess(Object payload, Context context) {{
        Object value = payload;
{preprocess}        return value;
    }}

    @Override
    protected Object postprocess(Object outputs, Context context) {{
        Object value = outputs;
{postprocess}        return value;
    }}
}}
"""


def pipeline_java(handover: Handover) -> str:
    """The source of `Pipeline.java`.

    Raises:
        UnsupportedModel: A step has no Java form, or a tensor's type none in Java.
    """
    contract = handover.contract
    model = handover.model("onnx")
    calls = (*contract.preprocess.calls, *contract.postprocess.calls)
    classes = sorted({class_of(call.name) for call in calls})
    text = _HEAD.format(
        imports="".join(f"import seatrial.steps.{each};\n" for each in classes),
        about=_comment(f"{contract.name} {handover.version}"),
        name=_text(handover.name),
        version=_text(handover.version),
        model=_text(f"models/onnx/{model.graph.name}" if model else ""),
        levels=repr(feed_levels(contract.preprocess)),
        inputs=_specs(contract.inputs),
        outputs=_specs(contract.outputs),
        labels=_names(contract, "labels"),
        vocabulary=_names(contract, "vocabulary"),
        task=_text(contract.task),
        preprocess=_calls(contract.preprocess),
        postprocess=_calls(contract.postprocess),
    )
    return text if "Arrays.asList" in text else text.replace("import java.util.Arrays;\n", "")


def feed_levels(preprocess: Pipeline) -> float:
    """Parts of 255 by which Java's preprocessing may differ from the contract's; 0.0: not at all.

    OpenCV computes cubic bytes and all real numbers in an order that changes with the processor.
    """
    levels = 0.0
    real = False
    for call in preprocess.calls:
        options = _filled(call)
        if call.name in _FUZZY and options["library"] == "opencv":
            if options["interpolation"] == "cubic":
                levels = max(levels, 1.0)
            elif real and options["interpolation"] != "nearest":
                levels = max(levels, 0.1)
        if call.name == "color" and real:
            levels = max(levels, 0.1)
        real = real or call.name in ("normalize", "cast", "softmax", "sigmoid")
    return levels


def _filled(call: StepCall) -> Mapping[str, Any]:
    step = extensions.get("seatrial.contract.steps", "STEP", call.name)
    model = step.model(**call.options)
    return {name: getattr(model, name) for name in step.options}


def _calls(pipeline: Pipeline) -> str:
    lines = []
    for place, call in enumerate(pipeline.calls, start=1):
        options = _filled(call)
        given = ["x", "c"]
        for (kind, name), value in zip(parameters_of(call.name), options.values(), strict=True):
            given.append(f"/* {name} */ {literal(value, kind)}")
        called = f"(x, c) -> {class_of(call.name)}.apply("
        lines.append(
            f"        value = step({place}, {_text(call.name)}, value, context, {called}\n"
            f"                {', '.join(given)}));\n"
        )
    return "".join(lines)


def literal(value: Any, kind: str) -> str:
    """A Python value as Java source, for a parameter of this Java type."""
    if value is None:
        return "null"
    if kind in ("int[]", "double[]", "String[]"):
        return f"new {kind} {{{', '.join(literal(each, kind[:-2]) for each in value)}}}"
    if kind.startswith("Map"):
        return "Lists.map(" + ", ".join(f"{_text(k)}, {_text(v)}" for k, v in value.items()) + ")"
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind == "double":
        return repr(float(value))
    return str(value) if isinstance(value, int) else _text(str(value))


def _text(value: str) -> str:
    """A Java string; everything that is not plain or could be taken for an escape is written as one."""
    quoted = json.dumps(value, ensure_ascii=True)
    return re.sub(r"\\/", "/", quoted)


def _comment(value: str) -> str:
    """Text inside a comment: it must neither end it nor hold escapes, which Java reads even there."""
    return re.sub(r"[^\w .,:()+-]", " ", value, flags=re.ASCII).strip()


def _specs(specs: tuple[TensorSpec, ...]) -> str:
    return ",".join("\n            " + _spec(each) for each in specs)


def _spec(spec: TensorSpec) -> str:
    if spec.dtype.startswith(("float8", "complex")):
        raise UnsupportedModel(f"'{spec.name}' is {spec.dtype}, which has no Java form")
    shape = ", ".join(
        str(each) if isinstance(each, int) else "null" if each is None else _text(each) for each in spec.shape
    )
    sizes = f"Arrays.asList({'(Object) ' if shape == 'null' else ''}{shape})" if shape else "List.of()"
    low, high = (f"{float(each)!r}" if each is not None else "null" for each in (spec.low, spec.high))
    return (
        f"new TensorSpec({_text(spec.name)}, DType.{spec.dtype.upper()}, {sizes}, "
        f"{_text(spec.layout)}, {low}, {high})"
    )


def _names(contract: Contract, what: str) -> str:
    names = getattr(contract, what)
    if not names:
        return "Names.NONE"
    return f'Names.read(bundle.resolve("{what}.txt"), {_text(fingerprint(names))})'
