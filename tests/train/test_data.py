import time
from pathlib import Path

import numpy as np
import pytest
import torch

from contramuse.catalogue.decoding import Decoding
from contramuse.catalogue.library import Library
from contramuse.catalogue.prepare import prepare
from contramuse.errors import LibraryError, UserError
from contramuse.recipe import load_recipe
from contramuse.sampling import generator_for
from contramuse.train.data import Ahead, Batch, MusicData

SETTINGS = ["train.batch=4", "views.audio.take.seconds=0.5"]


def numbered(number: int) -> Batch:
    return Batch(number, {}, {"number": number + 1})


def test_batches_come_in_order_and_waiting_is_measured() -> None:
    made = iter(range(100))

    def slow() -> Batch:
        time.sleep(0.02)
        return numbered(next(made))

    ahead = Ahead(slow)
    batches = iter(ahead)
    assert [next(batches).number for _ in range(5)] == [0, 1, 2, 3, 4]
    assert ahead.waited > 0.02
    ahead.close()
    assert not ahead._thread.is_alive()


def test_the_thread_reads_no_further_ahead_than_asked() -> None:
    made: list[int] = []

    def make() -> Batch:
        made.append(len(made))
        return numbered(made[-1])

    ahead = Ahead(make, ahead=2)
    next(iter(ahead))
    time.sleep(0.3)
    assert len(made) <= 5
    ahead.close()


def test_an_error_of_the_thread_reaches_the_trainer() -> None:
    def broken() -> Batch:
        raise LibraryError("is gone", name="shard", fix="Bring it back.")

    with pytest.raises(LibraryError, match="shard: is gone"):
        next(iter(Ahead(broken)))


def test_a_resumed_stream_starts_after_the_batch_that_was_trained_on(library: Library) -> None:
    recipe = load_recipe("tiny", SETTINGS)
    first = MusicData(recipe, library)
    batches = iter(first.train_dataloader())
    seen = [next(batches) for _ in range(7)]
    first.trained_on(seen[2])  # the thread and we are further than the trainer
    second = MusicData(recipe, library)
    second.load_state_dict(first.state_dict())
    again = next(iter(second.train_dataloader()))
    assert again.number == 3
    assert torch.equal(again.views["audio"][0], seen[3].views["audio"][0])
    assert torch.equal(again.views["audio"][1].ids["track"], seen[3].views["audio"][1].ids["track"])
    for data in (first, second):
        data.close()


def test_validation_sees_the_same_crops_each_time(library: Library) -> None:
    data = MusicData(load_recipe("tiny", SETTINGS), library)
    first, again = (list(data.fixed_views()) for _ in range(2))
    assert len(first) == 2
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a.views["audio"][0], b.views["audio"][0])
    tracks = torch.cat([batch.views["audio"][1].ids["track"] for batch in first]).unique()
    assert set(tracks.tolist()) == set(library.rows("valid").tolist())
    assert set(data.rows.tolist()) == set(library.rows("train").tolist())


def test_views_are_numbered_through(library: Library) -> None:
    recipe = load_recipe("tiny", [*SETTINGS, "views.other={take: {kind: crop, seconds: 0.5, count: 3}}"])
    batch = MusicData(recipe, library).example()
    assert batch.views["audio"][1].ids["view"].unique().tolist() == [0, 1]
    assert batch.views["other"][1].ids["view"].unique().tolist() == [2, 3, 4]
    assert len(batch) == 4 * 5


def test_rows_carry_the_labels_that_the_targets_read(library: Library) -> None:
    target = "contrasts.0.target={kind: dice, labels: tags}"
    batch = MusicData(load_recipe("tiny", [*SETTINGS, target]), library).example()
    who = batch.views["audio"][1]
    expected = np.asarray(library.labels("tags"))[who.ids["track"].numpy()]
    np.testing.assert_array_equal(who.labels["tags"].numpy(), expected)


def test_reading_ahead_draws_nothing_from_the_global_generator(library: Library) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    data = MusicData(load_recipe("tiny", SETTINGS), library)
    next(iter(data.train_dataloader()))
    data.close()
    generator_for(0, "x")
    assert torch.equal(before, torch.get_rng_state())


def test_features_and_audio_are_not_taken_for_each_other(library: Library, tmp_path: Path) -> None:
    (tmp_path / "mels").mkdir()
    for i in range(6):
        np.save(tmp_path / f"mels/{i}.npy", np.random.default_rng(i).uniform(-80, 0, (48, 200)))
    prepare(tmp_path / "mels", tmp_path / "lib", decoding=Decoding(sample_rate=62, frame_rate=62.5, workers=1))
    mels = Library.open(tmp_path / "lib")
    told = "holds stored features, and tower audio of the recipe takes audio.*{kind: stored, bands: 48}"
    for rate in ([], ["sample_rate=62"]):
        with pytest.raises(UserError, match=told):
            MusicData(load_recipe("tiny", rate), mels)
    stored = "towers.audio.frontend={kind: stored, bands: 48}"
    recipe = load_recipe("playlist_self", [stored, f"sample_rate={library.sample_rate}"])
    with pytest.raises(UserError, match="holds audio, and tower audio of the recipe takes stored features"):
        MusicData(recipe, library)
