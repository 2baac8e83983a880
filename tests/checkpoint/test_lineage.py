"""What weights have seen is what the recipe, the fine-tuning and the models before showed them."""

from contramuse.checkpoint.lineage import lineage
from contramuse.recipe import load_recipe


def test_a_model_of_its_own() -> None:
    seen = lineage({"recipe": load_recipe("tiny").resolved(), "library_fingerprint": "f00d"})
    assert seen == {"taught": [], "company": [], "library_fingerprints": ["f00d"]}
    assert lineage({"recipe": load_recipe("tiny").resolved()})["library_fingerprints"] == []


def test_everything_before_is_added_once() -> None:
    first = {
        "recipe": load_recipe("playlist_hybrid").resolved(), "library_fingerprint": "aaaa",
        "extra": {"fine_tuned": {"fields": ["mood"], "encoder": "full"}},
    }  # fmt: skip
    second = {
        "recipe": load_recipe("playlist_hybrid").resolved(), "library_fingerprint": "bbbb",
        "extra": {"from": lineage(first), "fine_tuned": {"fields": ["year"], "encoder": "frozen"}},
    }  # fmt: skip
    seen = lineage({**second, "extra": {"from": lineage(second)}})
    assert seen["taught"] == sorted({"mood", *load_recipe("playlist_hybrid").taught})
    assert seen["company"] == ["lists by playlists", "vectors cf", "tags genre"]
    assert seen["library_fingerprints"] == ["bbbb", "aaaa"]
