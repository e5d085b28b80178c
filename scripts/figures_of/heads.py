"""What every head gives to its run's key, over the steps."""
import numpy as np
import matplotlib.pyplot as plt

from .style import caption, plain, save, step_axis, together
from .subjects import Member, Subjects, label

NAME = "heads"
LABELLED = 32  # heads: of more, every layer's first alone is named


def by_head(member: Member) -> np.ndarray:
    """α of the place's key, [step, layer · head]."""
    run, place = member.run, member.place
    if place.added is not None:
        weights = run.values(run.shares("added_attention"))[..., place.added]
    elif place.role is not None:
        weights = run.values("role_received_attention")[:, :, :, 0, place.role]
    else:
        weights = run.values(run.shares("received_attention"))[..., place.key]
    return weights.reshape(len(weights), -1)


def edges_of(steps: np.ndarray) -> np.ndarray:
    return np.append(steps, 2 * steps[-1] - steps[-2] if len(steps) > 1 else steps[-1] + 1)


def mean_by_head(members: list[Member]) -> tuple[np.ndarray, np.ndarray]:
    steps, stack = together([member.run.steps() for member in members], [by_head(member) for member in members])
    return steps, np.nanmean(stack, 0)


def draw_group(axis, group: str, members: list[Member], top: float, options):
    steps, weights = mean_by_head(members)
    heads = members[0].run.values("received_attention").shape[2]
    edges = edges_of(steps)
    image = axis.pcolormesh(edges, np.arange(weights.shape[1] + 1), weights.T, vmin=0, vmax=top, cmap="viridis", rasterized=True)
    axis.set_facecolor("#dddddd")  # heads without attention
    for member in members:
        if member.place.step is not None:
            axis.plot(member.place.step, member.place.layer * heads + member.place.head + 0.5, "o", ms=5, mec="#D55E00", mew=1.4,
                      mfc="#D55E00" if member.place.lasting else "white", clip_on=False, zorder=5)
    rows = np.arange(0, weights.shape[1], 1 if weights.shape[1] <= LABELLED else heads)
    axis.set_yticks(rows + 0.5, [f"{row // heads}.{row % heads}" for row in rows])
    axis.invert_yaxis()
    keys = sorted({member.key() for member in members})
    name = label(group)
    axis.set_title(plain((f"{name}; key: " if name else "key: ") + " and ".join(keys[:3])), loc="left")
    step_axis(axis, steps[0], edges[-1], options.axis)
    axis.set_ylabel("layer.head")
    return image


def draw(subjects: Subjects, options):
    groups = list(subjects.groups().items())
    columns = 1 if len(groups) <= 4 else 2 if len(groups) <= 12 else 3
    lines = [groups[i:i + columns] for i in range(0, len(groups), columns)]
    top = max(np.nanmax(mean_by_head(members)[1]) for _, members in groups)
    heights = [0.75 + min(6, 0.17 * max(by_head(members[0]).shape[1] for _, members in line)) for line in lines]
    figure, axes = plt.subplots(len(lines), columns, squeeze=False, gridspec_kw={"height_ratios": heights},
                                figsize=(7.4 if columns == 1 else 4.6 * columns, 0.7 + sum(heights)))
    for number, (group, members) in enumerate(groups):
        axis = axes.flat[number]
        image = draw_group(axis, group, members, top, options)
        if number + columns < len(groups):
            axis.set_xlabel("")
    for axis in axes.flat[len(groups):]:
        axis.axis("off")
    figure.colorbar(image, ax=axes, label="received attention α", shrink=min(1, 3 / sum(heights) + 0.2))
    several = max(len(members) for _, members in groups) > 1
    caption(figure, "Received attention of the key, from every head" + ("; mean over seeds" if several else "")
            + "; dots: where a waiver element emerged (hollow: did not last)")
    return save(figure, options.out, NAME)
