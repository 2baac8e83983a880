import torch

from contramuse.rows import Rows


def test_rows_are_selected_moved_and_joined_with_the_facts_that_all_have():
    a = Rows.of(
        track=[0, 1, 2], artist=[5, 6, 7], labels={"g": torch.eye(3)}, silent=torch.tensor([True, False, False])
    )
    b = Rows.of(track=[3])
    joined = Rows.cat([a, b])
    assert len(joined) == 4
    assert joined.ids["track"].tolist() == [0, 1, 2, 3]
    assert set(joined.ids) == {"track"}
    assert joined.labels == {}
    assert a[torch.tensor([2, 0])].ids["artist"].tolist() == [7, 5]
    assert a[a.silent].labels["g"].tolist() == [[1, 0, 0]]
    assert a.to("cpu").ids["track"].dtype == torch.int64
