"""Every shipped recipe, made small, in two processes: the weights stay the same in both, and the loss falls."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from smallrecipes import names

STEPS = 8


def worker(rank: int, root: Path, meeting: Path) -> None:
    """Train each recipe on one batch, over and over; print losses and whether both processes have the same weights."""
    import torch
    from torch import distributed

    from contramuse.catalogue.library import Library
    from contramuse.encoders.tower import follow
    from contramuse.sampling import Drawn
    from contramuse.train.data import Batch, MusicData
    from contramuse.train.module import Contrastive
    from smallrecipes import small

    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    for name in names():
        recipe = small(name, "train.batch=4")
        library = Library.open(root / str(recipe.sample_rate))
        recipe = recipe.fitted(library)
        data = MusicData(recipe, library)
        module = Contrastive(recipe, sample_rate=library.sample_rate)
        module.strategy.learn(library, data.labelled_rows)
        stream = data.stream(process=rank, processes=2)
        batch = Batch(0, data._see(stream.next_batch(), "train", 0, rank), {})
        assert isinstance(stream.next_batch(), Drawn)
        weights = [w for w in module.parameters() if w.requires_grad]
        optimizer = torch.optim.Adam(weights, lr=1e-3)
        losses = []
        for _ in range(STEPS):
            loss = module.loss_of(batch)
            optimizer.zero_grad()
            loss.backward()
            for weight in weights:
                gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
                distributed.all_reduce(gradient)
                weight.grad = gradient / 2
            optimizer.step()
            for follower, (leader, momentum) in recipe.followers.items():
                follow(module.tower(follower), module.tower(leader), momentum=momentum)
            mean = loss.detach().clone()
            distributed.all_reduce(mean)
            losses.append(float(mean) / 2)
        sums = torch.stack([w.detach().double().sum() for w in module.parameters()])
        other = [torch.empty_like(sums) for _ in range(2)]
        distributed.all_gather(other, sums)
        if rank == 0:
            print(json.dumps({"name": name, "losses": losses, "same": torch.equal(*other)}), flush=True)
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def results(corpus_libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(corpus_libraries), str(tmp_path_factory.mktemp("meeting") / "point")]
    started = [
        subprocess.Popen(
            [*command, str(rank)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=600) for process in started]
    for process, (_, errors) in zip(started, said, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return {found["name"]: found for found in map(json.loads, said[0][0].splitlines())}


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_a_recipe_trains_in_two_processes(name: str, results: dict[str, dict]) -> None:
    found = results[name]
    assert found["same"]
    assert min(found["losses"][-3:]) < max(found["losses"][:2])  # a queue is filled by the first step


if __name__ == "__main__":
    worker(int(sys.argv[3]), Path(sys.argv[1]), Path(sys.argv[2]))
