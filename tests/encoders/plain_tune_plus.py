"""TUNe+ written layer by layer, with the names of the layers that SemiSupCon's checkpoints have; slow and plain."""

import torch
from torch import nn

DOWN = {1: (0, 1), 2: (1, 2), 3: (2, 4), 4: (4, 8), 5: (8, 16), 6: (16, 8), 7: (8, 4), 8: (4, 2), 9: (2, 1)}
TAIL = {1: (3, 2), 2: (6, 4), 3: (12, 8), 4: (24, 16), 5: (16, 32), 6: (32, 32), 7: (32, 32), 8: (32, 32)}


class _Block(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(before, after, 3, 1, 1), nn.BatchNorm1d(after), nn.ReLU())

    def forward(self, x):
        return self.layers(x)


class PlainTunePlus(nn.Module):
    """[b 1 t] -> [b 512]; ``fc`` is there and not used."""

    def __init__(self, channels=11):
        super().__init__()
        for number, (before, after) in DOWN.items():
            setattr(self, f"conv{number}", _Block(before * channels or 1, after * channels))
        for number in range(6, 10):
            before, after = DOWN[number]
            setattr(self, f"transposedConv{number}", nn.ConvTranspose1d(before * channels, after * channels, 3, 3))
        for number, (before, after) in TAIL.items():
            setattr(self, f"convDown{number}", _Block(before * channels, after * channels))
        self.convDown9 = _Block(32 * channels, 512)
        self.pool, self.fc = nn.MaxPool1d(3, 3), nn.Linear(512, 1)

    def forward(self, x):
        one = self.conv1(x)
        two = self.conv2(self.pool(one))
        three = self.conv3(self.pool(two))
        four = self.conv4(self.pool(three))
        five = self.conv5(self.pool(four))
        six = self.conv6(torch.cat([self.transposedConv6(five), four], 1))
        seven = self.conv7(torch.cat([self.transposedConv7(six), three], 1))
        eight = self.conv8(torch.cat([self.transposedConv8(seven), two], 1))
        nine = self.conv9(torch.cat([self.transposedConv9(eight), one], 1))
        x = self.convDown1(torch.cat([self.pool(nine), eight], 1))
        x = self.convDown2(torch.cat([self.pool(x), seven], 1))
        x = self.convDown3(torch.cat([self.pool(x), six], 1))
        x = self.convDown4(torch.cat([self.pool(x), five], 1))
        for block in (self.convDown5, self.convDown6, self.convDown7, self.convDown8, self.convDown9):
            x = block(self.pool(x))
        return nn.AvgPool1d(3)(x).flatten(1)
