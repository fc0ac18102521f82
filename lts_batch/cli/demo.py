"""``lts-batch demo``: the first thing to try."""

from pathlib import Path

import click

from lts_batch.cli.messages import bar


@click.command()
@click.option("--folder", default="lts-demo", show_default=True, type=click.Path(path_type=Path), help="Where to build it.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def demo(folder: Path, as_json: bool) -> None:
    """Make five stems from a choir and a piano, by way of a watched folder."""
    from lts_batch import demo as work

    with bar("demo", quiet=as_json) as show:
        made = work.demo(folder, progress=show)
    if as_json:
        click.echo(made.manifest.to_json(), nl=False)
        return
    click.echo(f"The stems lie in {made.stems.resolve()}:")
    for stem in made.manifest.stems:
        click.echo(f"  {stem.file}")
    click.echo(f"A picture of them: {made.picture.resolve()}")
    click.echo(f"Drop two clips of your own into a folder in {folder / 'inbox'}, and run: lts-batch watch {folder} --once")
