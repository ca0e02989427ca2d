"""The verb 'images'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from devbox.cli.invocation import Invocation, JsonOption

if TYPE_CHECKING:
    from rich.tree import Tree

EXAMPLES = """\b
Examples:
  devbox images             # in a project: also which of its layers are cached
  devbox images --tree      # and what stands on each
  devbox images --verify    # read everything, and name what is damaged
  devbox images --json
"""


def images(
    context: typer.Context,
    tree: Annotated[
        bool, typer.Option("--tree", help="Layers, templates, checkpoints and machines, on what they stand.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read the whole store and name what is damaged.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the images in the store: box, how it is known to be right, size, last use, machines on it.

    In a project, also which of the layers that it asks for are there, and why the others are not.
    """
    if tree and verify:
        from devbox.errors import Refused

        raise Refused("'--tree' and '--verify' are two questions.", advice="Ask one at a time.")
    if verify:
        _verify(as_json=as_json)
    elif tree:
        _show_tree(as_json=as_json)
    else:
        _list(as_json=as_json)
        if not as_json:
            _show_layers(context.obj)


def _show_layers(invocation: Invocation) -> None:
    from devbox.errors import DevboxError
    from devbox.planning import layer_states, prepared
    from devbox.views.console import out
    from devbox.views.tables import show_table

    try:
        states = layer_states(prepared(invocation.session().world))
    except DevboxError:  # no project here, or one whose mistakes other verbs tell
        return
    rows = [(label, key[:12], f"to be baked: {why}" if why else "cached") for label, key, why in states]
    if rows:
        out().print()
        show_table(out(), ("LAYER", "KEY", "STATE"), rows)


def _list(*, as_json: bool) -> None:
    from devbox.listing import image_rows
    from devbox.units import Size
    from devbox.views.console import out, show_json
    from devbox.views.tables import show_table

    rows = image_rows()
    if as_json:
        show_json(rows)
        return
    shown = (
        (
            row["box"],
            row["key"][:12],
            row["trust"],
            f"{Size(row['bytes']).mib} MiB",
            f"{row['days_unused']:.0f} days ago",
            row["machines"],
        )
        for row in rows
    )
    show_table(out(), ("BOX", "KEY", "ORIGIN", "SIZE", "LAST USED", "MACHINES"), shown)


def _show_tree(*, as_json: bool) -> None:
    from rich.tree import Tree

    from devbox.listing import store_tree
    from devbox.views.console import out, show_json

    rows = store_tree()
    if as_json:
        show_json(rows)
        return
    for row in rows:
        root = Tree(_line(row))
        _grow(root, row["above"])
        out().print(root)


def _grow(tree: Tree, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        _grow(tree.add(_line(row)), row["above"])


def _line(row: dict[str, Any]) -> str:
    from rich.markup import escape

    from devbox.units import Size

    used = "in use" if row["in_use"] else f"unused for {row['days_unused']:.0f} days"
    words = [row["kind"], row["name"], row["key"][:12], f"{Size(row['bytes']).mib} MiB", used]
    return escape("  ".join(word for word in words if word))


def _verify(*, as_json: bool) -> None:
    from devbox.errors import DevboxError, Exit
    from devbox.listing import damage_rows
    from devbox.views.console import show_json

    rows = damage_rows()
    if as_json:
        show_json(rows)
        raise typer.Exit(int(Exit.FAILED if rows else Exit.DONE))
    if rows:
        raise DevboxError(
            f"The store has {'one damaged thing' if len(rows) == 1 else f'{len(rows)} damaged things'}.",
            details="\n".join(
                f"{row['kind']} {row['name']}: {row['problem']}\n{row['details']}" for row in rows
            ),
            advice="Run 'devbox gc --damaged': it removes them, and 'devbox up' makes them anew.",
        )
    typer.echo("Everything in the store is as it was made.")
