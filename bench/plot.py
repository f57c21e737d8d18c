# SPDX-License-Identifier: MIT
"""Draws the pictures of the report, from results.json alone. Run by the peers' own Python,
which has matplotlib.

    python plot.py FOLDER
"""

import json
import os
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pysample", "font.size": 9,
                            "font.family": "sans-serif", "axes.spines.top": False,
                            "axes.spines.right": False, "axes.grid": True, "grid.color": "#e4e4e4",
                            "axes.axisbelow": True, "legend.frameon": False})

import matplotlib.pyplot as plt

# Told apart by shape as well as by colour.
LOOKS = {
    "pysample": ("#0b6e4f", "o"), "profiling.sampling": ("#c8553d", "s"), "py-spy": ("#5b5f97", "^"),
    "py-spy --nonblocking": ("#9a7fd1", "v"), "Austin 4": ("#d99a00", "D"), "Austin 3": ("#8a6d3b", "d"),
    "a busy core": ("#888888", "x"), "bare reads": ("#444444", "_"), "sampler_burst": ("#77a98f", "o"), "bare reads by eights": ("#222222", "_"),
    "fork": ("#888888", "x"), "pysample --in-process": ("#77a98f", "v"), "gc.get_objects": ("#444444", "s"),
    "objgraph": ("#5b5f97", "^"), "guppy3": ("#c8553d", "D"),
}


def known(rows):
    names = {r["who"] for r in rows}
    return [n for n in LOOKS if n in names]


def legend(figure, axes):
    handles = {}
    for ax in axes:
        for h, label in zip(*ax.get_legend_handles_labels()):
            handles.setdefault(label, h)
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=4)


def save(figure, folder, name, room=0.12):
    figure.tight_layout(rect=(0, room, 1, 0.96))
    figure.savefig(os.path.join(folder, name + ".svg"), bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def accuracy(part, folder):
    versions = list(dict.fromkeys(r["python"] for r in part["rows"]))
    programs = list(dict.fromkeys(r["program"] for r in part["rows"]))
    figure, axes = plt.subplots(1, len(versions), figsize=(3.6 * len(versions) + 1, 0.5 * len(programs) + 1.8), sharey=True, squeeze=False)
    for ax, version in zip(axes[0], versions):
        rows = [r for r in part["rows"] if r["python"] == version]
        floors = {r["program"]: r["floor"] for r in rows}
        ax.barh([programs.index(p) for p in floors], floors.values(), color="#d5e8df", height=0.8,
                label="floor: the truth beside itself, by chance")
        whos = known(rows)
        for i, who in enumerate(whos):
            mine = [r for r in rows if r["who"] == who]
            colour, shape = LOOKS[who]
            at = [programs.index(r["program"]) + 0.14 * (i - (len(whos) - 1) / 2) for r in mine]
            # Down to where it is without what few samples differ by chance.
            ax.hlines(at, [min(r["tvd"], max(0, (r["least"] or [r["tvd"]])[0])) for r in mine], [r["tvd"] for r in mine],
                      color=colour, linewidth=1.5)
            ax.plot([r["tvd"] for r in mine], at, shape, color=colour, label=who, markersize=6 if who == "pysample" else 4, linestyle="none")
        ax.set(title=f"Python {version}", xlabel="distance to the stopped target, %", xlim=(0, 100),
               yticks=range(len(programs)), yticklabels=programs, ylim=(len(programs) - 0.5, -0.5))
    figure.suptitle("How far are the stacks from the truth? The line goes down to the distance without chance.")
    legend(figure, axes[0])
    save(figure, folder, "accuracy")


def speed(part, folder):
    groups = list(dict.fromkeys((r["python"], r["threads"], r["leaf"]) for r in part["rows"]))
    columns = min(3, len(groups))
    lines = -(-len(groups) // columns)
    names = known(part["rows"])
    figure, axes = plt.subplots(lines, columns, figsize=(3.4 * columns + 1, 2.9 * lines + 0.4), squeeze=False)
    for ax in axes.flat[len(groups):]:
        ax.axis("off")
    for k, (ax, group) in enumerate(zip(axes.flat, groups)):
        of = {r["who"]: r for r in part["rows"] if (r["python"], r["threads"], r["leaf"]) == group}
        whos = [n for n in names if n in of]
        rows, at = [of[n] for n in whos], [names.index(n) for n in whos]
        ax.barh(at, [r["middle"] for r in rows], color=[LOOKS[n][0] for n in whos], height=0.7,
                xerr=[[r["middle"] - min(r["hz"]) for r in rows], [max(r["hz"]) - r["middle"] for r in rows]],
                error_kw={"ecolor": "#333333", "capsize": 2})
        for i, r in zip(at, rows):
            ax.text(max(10, *r["hz"]) * 1.2, i, f"{r['middle']:,.0f}".replace(",", " "), va="center", fontsize=7)
        leaf = "" if group[2] == "quiet" else ", calling"
        ax.set(title=f"Python {group[0]}, {group[1]} thread{'s' if group[1] > 1 else ''}{leaf}", xscale="log",
               xlim=(10, 1e7), ylim=(len(names) - 0.5, -0.5), yticks=range(len(names)), yticklabels=names if k % columns == 0 else [])
        if k + columns >= len(groups):
            ax.set_xlabel("good looks at all threads, a second")
    figure.suptitle("How often can each look? (a logarithmic scale)")
    save(figure, folder, "speed", 0)


def cost(part, folder):
    whats = list(dict.fromkeys(r["what"] for r in part["curves"]))
    figure, axes = plt.subplots(1, len(whats), figsize=(3 * len(whats) + 1, 3.6), squeeze=False)
    for ax, what in zip(axes[0], whats):
        rows = [r for r in part["curves"] if r["what"] == what and r["stacks"]]
        for who in known(rows):
            mine = [r for r in rows if r["who"] == who]
            colour, shape = LOOKS[who]
            ax.plot([r["x"] for r in mine], [r["us_a_look"] for r in mine], shape + "-", color=colour, label=who)
        ax.set(xscale="log", yscale="log", xlabel=what, title=what)
    axes[0][0].set_ylabel("microseconds of CPU a look, at 1 kHz")
    figure.suptitle("How does the profiler's cost grow?")
    legend(figure, axes[0])
    save(figure, folder, "cost")


def overhead(part, folder):
    groups = list(dict.fromkeys((r["python"], r["target"]) for r in part["rows"]))
    columns = min(3, len(groups))
    lines = -(-len(groups) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(4 * columns + 1, 3.2 * lines + 0.6), squeeze=False)
    for ax in axes.flat[len(groups):]:
        ax.axis("off")
    for ax, group in zip(axes.flat, groups):
        rows = [r for r in part["rows"] if (r["python"], r["target"]) == group]
        rates = sorted({r["rate"] for r in rows if r["rate"]}, key=lambda r: 1e9 if r == "max" else r)
        whos = known(rows)
        for i, who in enumerate(whos):
            mine = [r for r in rows if r["who"] == who]
            shift = (i - (len(whos) - 1) / 2) * 0.16
            for key, off, face in (("cpu", -0.03, None), ("clock", 0.03, "white")):
                points(ax, [rates.index(r["rate"]) + shift + off for r in mine], [r[key] for r in mine], who, face)
        null = next((r["cpu"] for r in rows if r["who"] == "nobody"), None)
        if null and null["low"] == null["low"]:
            ax.axhspan(null["low"], null["high"], color="#a9d3c0", label="nobody, CPU: the error of the method")
        ax.axhline(0, color="#999999", linewidth=0.8)
        ax.set_yscale("symlog", linthresh=2)
        ax.set(title=f"{group[1]}, Python {group[0]}", xticks=range(len(rates)),
               xticklabels=["as fast as it goes" if r == "max" else f"{int(r):,} Hz".replace(",", " ") for r in rates],
               yticks=[-10, -2, -1, 0, 1, 2, 10, 100, 1000],
               yticklabels=["-10", "-2", "-1", "0", "1", "2", "10", "100", "1000"])
        ax.set_ylim(-20, max(30, ax.get_ylim()[1]))
        ax.set_xlim(-0.5, len(rates) - 0.5)
    for line in axes:
        line[0].set_ylabel("slower by, %")
    figure.suptitle("What does the program feel? Filled: CPU time that it needs more. Hollow: by the clock.")
    legend(figure, list(axes.flat))
    save(figure, folder, "overhead", 0.16 / lines)


def points(ax, xs, intervals, who, face):
    """With their intervals; of one name in the legend, whether filled or not."""
    colour, shape = LOOKS[who]
    middle = [s["middle"] for s in intervals]
    ax.errorbar(xs, middle, yerr=[[max(0, m - s["low"]) for m, s in zip(middle, intervals)],
                                  [max(0, s["high"] - m) for m, s in zip(middle, intervals)]],
                fmt=shape, color=colour, markerfacecolor=face or colour, label=None if face else who, capsize=2, markersize=5)


def heap(part, folder):
    versions = list(dict.fromkeys(r["python"] for r in part["rows"]))
    figure, axes = plt.subplots(1, len(versions), figsize=(3.4 * len(versions) + 1, 3.8), sharey=True, squeeze=False)
    for ax, version in zip(axes[0], versions):
        rows = [r for r in part["rows"] if r["python"] == version]
        for who in known(rows):
            mine = [r for r in rows if r["who"] == who]
            colour, shape = LOOKS[who]
            ax.plot([r["millions"] for r in mine], [sorted(r["ms"])[len(r["ms"]) // 2] for r in mine], shape + "-",
                    color=colour, label=who)
        sizes = sorted({r["millions"] for r in rows})
        ax.set(title=f"Python {version}", xscale="log", yscale="log", xlabel="million objects", xticks=sizes,
               xticklabels=[f"{v:g}" for v in sizes])
        ax.minorticks_off()
    axes[0][0].set_ylabel("the program stands, ms")
    figure.suptitle("How long does a look at the whole heap hold the program?")
    legend(figure, axes[0])
    save(figure, folder, "heap", 0.15)


def main(folder):
    with open(os.path.join(folder, "results.json"), encoding="utf-8") as f:
        results = json.load(f)
    broken = []
    for name, draw in (("accuracy", accuracy), ("speed", speed), ("cost", cost), ("overhead", overhead), ("heap", heap)):
        try:
            if name in results and results[name]["curves" if name == "cost" else "rows"]:
                draw(results[name], folder)
        except Exception as e:  # the others are drawn
            broken.append(f"no picture of {name}: {e!r}")
    if broken:
        sys.exit("\n".join(broken))


if __name__ == "__main__":
    main(sys.argv[1])
