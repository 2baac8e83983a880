"""The card of a model on a hub: README.md, generated from model.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CARD = "README.md"


def card(info: Mapping[str, Any], repo: str) -> str:
    """Markdown with the front matter that hubs read.

    Args:
        info: content of ``model.json``.
        repo: ``user/name``, for the lines that load it.
    """
    import yaml

    facts = {
        "model hash (SHA-256 of model.safetensors)": info["model_hash"],
        "preprocessing hash": info["preprocessing_hash"],
        "recipe hash": info.get("recipe_hash"),
        "library fingerprint": info.get("library_fingerprint"),
        "contramuse": info.get("code_version"),
        "vector": f"{info['dim']} numbers, the mean over windows of {info['window']:g} s every {info['hop']:g} s",
        "input": f"any audio file, decoded to mono at {info['sample_rate']} Hz",
        "encoder parameters": f"{info['parameters']:,}" if info.get("parameters") else None,
        **{name: value for name, value in info.get("extra", {}).items() if isinstance(value, (str, int, float))},
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in facts.items() if value is not None)
    recipe = yaml.safe_dump(dict(info["recipe"]), sort_keys=False, allow_unicode=True)
    return f"""---
library_name: contramuse
pipeline_tag: feature-extraction
tags: [music, audio, embeddings, contrastive-learning]
---

# {repo.split("/")[-1]}

A music encoder trained with contramuse: it turns a recording into one vector, near to those of similar recordings.

```python
import contramuse

model = contramuse.load("{repo}")
vectors = model.embed(["song.mp3", "other.flac"])  # float32 [2 {info["dim"]}]
```

```
contramuse embed {repo} MUSIC... -o EMBEDDINGS
contramuse search EMBEDDINGS song.mp3
```

| fact | value |
|---|---|
{table}

The weights are safetensors and the description is JSON: loading runs no code from this repository.

## Recipe

```yaml
{recipe}```
"""
