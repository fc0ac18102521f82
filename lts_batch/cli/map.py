"""``lts-batch map``: the latent space of a model, drawn."""

from pathlib import Path

import click

from lts_batch.cli.messages import bar
from lts_batch.files.whole import check_room

_MOST_CLIPS = 2


@click.command(name="map")
@click.argument("model", metavar="MODEL")
@click.argument("clips", nargs=-1, type=click.Path(path_type=Path))
@click.option("-o", "--out", default=Path("map.png"), show_default=True, type=click.Path(path_type=Path), help="The picture.")
@click.option("--by", default="pca", show_default=True, type=click.Choice(("pca", "tsne", "umap")),
              help="How to get to two dimensions: pca at once; tsne and umap take longer, and umap has to be installed.")
@click.option("--corpus", type=click.Path(path_type=Path), help="Folder of sounds to draw in grey. By itself what the model was"
              " trained on, if its frames are still in the cache.")
@click.option("--cache", type=click.Path(path_type=Path), help="Where analysed frames are kept.")
@click.option("--force", is_flag=True, help="Replace a picture of that name.")
@click.option("--json", "as_json", is_flag=True, help="Print the points as JSON, and show no progress.")
def map_(model: str, clips: tuple[Path, ...], out: Path, by: str, corpus: Path | None, cache: Path | None, force: bool,
         as_json: bool) -> None:
    """Draw the latent space of MODEL (a shipped name or a folder), with up to two CLIPS in it.

    Frames of the corpus are grey, clip 1 is red, clip 2 green, and the paths between them are blue.
    """
    if len(clips) > _MOST_CLIPS:
        raise click.UsageError(f"a map shows up to two clips and the paths between them, and {len(clips)} were given: leave"
                               " some out")
    check_room(out, overwrite=force)
    from contextlib import ExitStack

    from lts_batch.files import audio
    from lts_batch.files.sources import Excerpt
    from lts_batch.models.checkpoint import load_frame_model
    from lts_batch.settings import Settings
    from lts_batch.stems import latent_map, plots
    from lts_batch.training.dataset import open_dataset

    loaded = load_frame_model(model)
    if corpus is None:
        frames = latent_map.known_corpus(loaded, cache)
        if frames is None and clips:
            click.echo("Note: the frames that this model was trained on are not in the cache; --corpus FOLDER draws those of"
                       " any folder of sounds.", err=True)
    else:
        with bar("frames", quiet=as_json) as show:
            frames = open_dataset(corpus, loaded.bands, cache=cache,
                                  progress=lambda done, total: show(done / total, f"{done} of {total} files"))
    with ExitStack() as stack:
        readers = [stack.enter_context(audio.open_reader(clip)) for clip in clips]
        sources = [Excerpt(reader, reader.sample_rate, 0, reader.samples) for reader in readers]
        drawn = latent_map.draw_up(loaded, model, sources, Settings(), frames, by=by, names=[clip.stem for clip in clips])
    plots.latent_map(out, drawn.layers, *latent_map.titles(drawn), overwrite=force)
    click.echo(drawn.to_json() if as_json else out, nl=not as_json)
