import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

from contramuse.errors import RecipeError
from contramuse.recipe import Recipe, load_recipe, recipe_names, recipe_schema
from contramuse.similarity import Bilinear, Cosine
from contramuse.targets import Any, Dice, Same

SEMI = ["contrasts.0.target={kind: any, of: [same, {kind: dice, labels: tags}]}"]


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_builds_all_its_parts(name):
    recipe = load_recipe(name)
    towers = recipe.build_towers()
    strategy = recipe.build_strategy()
    assert set(recipe.build_takes()) == set(recipe.build_chains()) == set(recipe.view_towers())
    assert recipe.embed.tower in towers
    assert len(strategy.each()) == len(recipe.resolved()["contrasts"])
    assert recipe.about.strip()


@pytest.mark.parametrize("name", recipe_names())
def test_a_resolved_recipe_means_the_same_again(name):
    recipe = load_recipe(name)
    again = Recipe.from_resolved(json.loads(json.dumps(recipe.resolved())))
    assert again.resolved() == {**recipe.resolved(), "name": "stored"}
    assert again.hash == recipe.hash


@pytest.mark.parametrize("name", recipe_names())
def test_every_weight_of_a_shipped_recipe_has_a_part_in_the_loss(name):
    assert load_recipe(name).idle == "none"


def test_weights_that_no_contrast_names_are_idle():
    pair = "{between: [audio, cf], target: same, similarity: cosine, absent: leave_out}"
    assert load_recipe("playlist_cross", [f"contrasts=[{pair}]"]).idle == "some"  # the tower of genres
    heads = "towers.audio.heads={a: {kind: mlp, out: 8}, b: {kind: mlp, out: 8}}"
    one = "contrasts=[{between: [audio.a], target: same, similarity: cosine}]"
    assert load_recipe("tiny", ["towers.audio.head=null", heads, one]).idle == "some"
    both = "contrasts=[{between: [audio.a, audio.b], target: same, similarity: cosine}]"
    assert load_recipe("tiny", ["towers.audio.head=null", heads, both]).idle == "none"


def test_hash_follows_what_is_trained_and_not_how_it_is_described():
    plain = load_recipe("tiny")
    assert load_recipe("tiny", ["about=another"]).hash == plain.hash
    assert load_recipe("tiny", ["train.batch=6"]).hash != plain.hash


def test_towers_of_the_same_seed_are_equal():
    weights = []
    for _ in range(2):
        torch.manual_seed(3)
        weights.append(torch.cat([p.flatten() for p in load_recipe("tiny").build_towers().parameters()]))
    assert torch.equal(*weights)


def test_overrides_reach_into_lists_and_bare_kinds():
    recipe = load_recipe("tiny", [*SEMI, "train.schedule.floor=0.25", "contrasts.0.similarity.temperature=0.2"])
    contrast = recipe.build_strategy().each()[0]
    assert contrast.target == Any(of=(Same(), Dice(labels="tags")))
    assert recipe.fields == {"tags"}
    assert recipe.train.schedule.floor == 0.25
    assert isinstance(contrast.similarity, Cosine)
    assert contrast.similarity.temperature == 0.2


def test_a_part_takes_its_width_from_the_head():
    contrast = load_recipe("tiny", ["contrasts.0.similarity=bilinear"]).build_strategy().each()[0]
    assert isinstance(contrast.similarity, Bilinear)
    assert contrast.similarity.weight.shape == (32, 32)


@pytest.mark.parametrize(
    ("override", "place", "hint"),
    [
        ("train.bacth=3", "train.bacth", "Did you mean 'batch'"),
        ("views.audio.take.secnds=3", "views.audio.take.secnds", "Did you mean 'seconds'"),
        ("contrasts.0.target=sam", "contrasts[0].target", "Did you mean 'same'"),
        ("train.optimizer.lr=fast", "train.optimizer.lr", "number"),
        ("train.batch=2.5", "train.batch", "whole number"),
        ("train.batch=yes", "train.batch", "whole number"),
        ("train.precision=8", "train.precision", "32, bf16, 16"),
        ("views.audio.tower=piano", "views.audio.tower", "is not a tower"),
        ("contrasts.0.between=[sound]", "contrasts[0].between", "is not a view"),
        ("embed.tower=video", "embed.tower", "is not a tower"),
        ("towers.audio.encoder=vgg", "towers.audio.encoder", "mel_transformer"),
        ("towers.audio.encoder.bands=64", "towers.audio.encoder.bands", "is set by the frontend"),
        ("train.optimizer.lr=0", "train.optimizer.lr", "must be above 0"),
        ("train.optimizer.lr=-1e-3", "train.optimizer.lr", "must be above 0"),
        ("train.optimizer.weight_decay=-1", "train.optimizer.weight_decay", "must not be below 0"),
        ("train.optimizer.betas=[0.9, 1]", "train.optimizer.betas", "below 1"),
        ("train.optimizer.betas=0.9", "train.optimizer.betas", "a list of 2: a number, a number"),
        ("train.schedule.warmup=5", "train.schedule.warmup", "is a share"),
        ("train.clip=-1", "train.clip", "must not be below 0"),
        ("embed.hop=0", "embed.hop", "must be above 0"),
        ("sample_rat=8000", "sample_rat", "Did you mean 'sample_rate'"),
        ("views={}", "views", "at least one name"),
        ("train=3", "train", "must be a mapping"),
    ],
)
def test_a_mistake_is_told_with_place_value_and_next_step(override, place, hint):
    with pytest.raises(RecipeError) as caught:
        load_recipe("tiny", [override])
    assert place in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("views.audio.augment=[{kind: pitch_shift, semitones: [5, 2]}]",
         "views.audio.augment[0].semitones: [5.0, 2.0]"),
        ("views.audio.augment=[clmr, {kind: gain, p: 2}]", "views.audio.augment[1].p: 2"),
        ("views.audio.augment={kind: semisupcon, severity: 9}", "views.audio.augment[0].severity: 9"),
        ("views.audio.take.count=0", "views.audio.take.count: 0: a view needs a crop"),
        ("towers.audio.frontend.hop=0", "towers.audio.frontend.hop: 0"),
        ("towers.audio.encoder.patch=[15, 8]", "towers.audio.encoder.patch: [15, 8]: a patch of 15 bands does not"),
        ("towers.audio.encoder=sample_cnn", "towers.audio.encoder.bands: 64: it reads a waveform"),
        ("towers.audio.head.layers=0", "towers.audio.head.layers: 0"),
        ("contrasts.0.similarity.temperature=0", "contrasts[0].similarity.temperature: 0.0"),
        ("contrasts.0.target={kind: any, of: [same, {kind: shared, labels: tags, at_least: 0}]}",
         "contrasts[0].target.of[1].at_least: 0"),
        ("train.batch=0", "train.batch: 0"),
    ],
)  # fmt: skip
def test_what_a_constructor_refuses_is_told_with_its_place(override, told):
    with pytest.raises(RecipeError, match="one mistake") as caught:
        load_recipe("tiny", [override])
    assert f"\n  - {told}" in str(caught.value)


def test_mistakes_of_every_kind_are_told_at_once():
    overrides = ["train.bacth=3", "views.audio.take.count=0", "embed.hop=x", "contrasts.0.similarity.temperature=-1"]
    with pytest.raises(RecipeError, match="4 mistakes"):
        load_recipe("tiny", overrides)


def test_reading_a_recipe_draws_no_random_numbers():
    before = torch.get_rng_state()
    for name in recipe_names():
        load_recipe(name)
    assert torch.equal(torch.get_rng_state(), before)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(RecipeError, match="4 mistakes") as caught:
        load_recipe("tiny", ["train.bacth=3", "sampler=alon", "views.audio.take.count=two", "embed.hop=x"])
    assert str(caught.value).count("\n  - ") == 4


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("a: [1, 2", "is not YAML"),
        ("- a\n- b\n", "is not a mapping"),
        ("about: only\n", "is missing"),
        ("", "is not a mapping"),
        ("about: a\nabout: b\n", "'about' stands here twice, line 2"),
        ("views: {a: crop, a: crop}\n", "'a' stands here twice, line 1"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path, written, problem):
    path = tmp_path / "mine.yaml"
    path.write_text(written)
    with pytest.raises(RecipeError, match=problem):
        load_recipe(str(path))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_bytes(b"\xfe\xff\x00")
    with pytest.raises(RecipeError, match="is not text"):
        load_recipe(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize("written", ["1e-3", "1E-3", "1.0e-3", ".001", "10e-4"])
def test_numbers_are_written_as_one_likes(written):
    assert load_recipe("tiny", [f"train.optimizer.lr={written}"]).train.optimizer.lr == 0.001


def test_what_is_missing_is_told_in_words():
    with pytest.raises(RecipeError) as caught:
        Recipe("mine", {"about": "only"})
    assert "class" not in str(caught.value)
    assert "dict[" not in str(caught.value)


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(RecipeError, match="Did you mean 'clmr'"):
        load_recipe("clm")


def test_a_missing_file_and_a_bad_override_are_refused(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(str(tmp_path / "none.yaml"))
    with pytest.raises(RecipeError, match="is not key=value"):
        load_recipe("tiny", ["train.batch"])
    with pytest.raises(RecipeError, match="not a position"):
        load_recipe("tiny", ["contrasts.3.weight=1"])


def test_yaml_in_a_recipe_never_makes_objects(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("about: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(RecipeError, match="is not YAML"):
        load_recipe(str(path))


def test_schema_describes_parts_by_their_signatures():
    schema = recipe_schema()
    crop = next(f for f in schema["$defs"]["Take"]["anyOf"] if f.get("properties", {}).get("kind") == {"const": "crop"})
    assert crop["additionalProperties"] is False
    assert "seconds" in crop["required"]
    assert "bands" not in json.dumps(schema["$defs"]["Encoder"]).split('"required"')[0].split("properties")[0]
    assert schema["$defs"]["Target"]["anyOf"][-1]["properties"]["of"]["anyOf"][0] == {"$ref": "#/$defs/Target"}
    written = yaml.safe_dump(load_recipe("clmr").resolved(), sort_keys=False)
    assert "temperature: 0.5" in written


def test_embeddings_of_different_sizes_are_told_before_training() -> None:
    with pytest.raises(RecipeError, match=r"contrasts\[0\].between.*audio 128, cf 64"):
        load_recipe("playlist_cross", ["towers.cf.encoder.out=64"])
    with pytest.raises(RecipeError, match="class 17"):
        load_recipe("clmr_supervised", ["towers.class.encoder.dim=16"])


@pytest.mark.parametrize(
    ("override", "told"),
    [("towers.cf.encoder.width=100", "vectors of 301"), ("towers.genre.encoder.width=2", "classes: 3")],
)
def test_a_width_that_is_not_the_librarys_is_told_before_training(override: str, told: str) -> None:
    field = SimpleNamespace(classes=("jig", "rock", "waltz"))
    library = SimpleNamespace(vectors=lambda name: np.zeros((2, 301)), fields={"genre": field})
    with pytest.raises(RecipeError, match=rf"{told}.*width=0"):
        load_recipe("playlist_cross", [override]).fitted(library)  # type: ignore[arg-type]
    fitted = load_recipe("playlist_cross", ["towers.genre.encoder.width=5"]).fitted(library)  # type: ignore[arg-type]
    assert fitted.resolved()["towers"]["cf"]["encoder"]["width"] == 301
    assert fitted.fitted(library).hash == fitted.hash  # type: ignore[arg-type]


@pytest.mark.parametrize("name", recipe_names())
def test_the_masked_transformer_may_take_the_place_of_any_encoder_of_audio(name: str) -> None:
    tower = (
        "{frontend: {kind: log_mel, n_fft: 512, hop: 256, n_mels: 32}, "
        "encoder: {kind: mel_transformer, patch: [32, 8], dim: 64, depth: 1, heads: 2, segment: 8}}"
    )
    written = load_recipe(name).resolved()["towers"]["audio"]
    parts = {part: written[part] for part in ("head", "heads", "over", "predictor") if written[part] is not None}
    narrow = ["towers.class.encoder.dim=64"] if name == "clmr_supervised" else []
    overrides = [f"towers.audio={tower}", *(f"towers.audio.{k}={json.dumps(v)}" for k, v in parts.items()), *narrow]
    recipe = load_recipe(name, overrides)
    tower = recipe.build_towers()["audio"]
    output = tower.train()(torch.randn(2, 1, 100 * 8 * 256), torch.Generator().manual_seed(0))
    assert all(len(one.z) == 2 for one in output.values())


def test_a_tower_that_no_view_goes_to_is_told() -> None:
    with pytest.raises(RecipeError, match=r"towers\.audoi.*is a tower of no view. Did you mean 'audio'"):
        load_recipe("clmr", ["towers.audoi.encoder=sample_cnn"])
