"""SampleCNN written layer by layer, as the paper's table says it: the reference, slow and plain."""

from torch import nn

CHANNELS = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512, 512)


def plain_sample_cnn(strides=(3,) * 9, classes=None, dropout=0.0, channels=CHANNELS):
    """Keys: ``sequential.{block}.{0 convolution | 1 norm}.*`` and ``fc.*``; [b 1 t] -> [b 512] or [b classes]."""
    blocks = []
    for block, after in enumerate(channels):
        before = channels[block - 1] if block else 1
        kernel = strides[block - 1] if 0 < block < 10 else 3
        stride, padding = (1, 1) if block else (3, 0)
        layers = [nn.Conv1d(before, after, kernel, stride, padding), nn.BatchNorm1d(after), nn.ReLU()]
        if 0 < block < 10:
            layers.append(nn.MaxPool1d(kernel, kernel))
        blocks.append(nn.Sequential(*layers))
    return _Plain(nn.Sequential(*blocks), channels[-1], classes, dropout)


class _Plain(nn.Module):
    def __init__(self, sequential, dim, classes, dropout):
        super().__init__()
        self.sequential = sequential
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Identity() if classes is None else nn.Linear(dim, classes)

    def forward(self, x):
        return self.fc(self.dropout(self.sequential(x).flatten(1)))
