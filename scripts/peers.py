"""Detectors of leaks in use elsewhere, each by its own library, for scripts/arena.

    peers.py RULE PATH…

prints a line `FILE VERDICT` for each series. RULE is one of:

    least-squares   scipy.stats.linregress: the slope is above the budget and its p is below 0.05
    quartiles       numpy.mean: the last quarter lies above the first by more than the budget
                    allows in between
    mann-kendall    pymannkendall.original_test: a rising trend, and Sen's slope above the budget
    theil-sen       scipy.stats.theilslopes: leak if the 95 % interval lies above the budget,
                    no leak if it lies below, otherwise no answer
    otava           Apache Otava: change points at its defaults; leak if the mean after the last
                    change lies above the mean of the first segment by more than the budget allows
    predict-linear  promtool: Prometheus' predict_linear over the second half of the run, for one
                    run length ahead, above that half's mean by more than the budget allows

Rules that know two answers say `no-leak` where they do not say `leak`. Where operations are
counted and the budget is per operation, time is replaced by operations. Pairs grow with the
square of the length: mann-kendall, theil-sen and otava see means of at most 600 groups.
"""

import csv
import json
import pathlib
import subprocess
import sys
import tempfile


def read(path):
    """Times in units of the budget (hours, or operations), and values."""
    import numpy

    budgets = {row["file"]: row for row in csv.DictReader(open(path.parent / "budgets.csv"))}
    budget = budgets[path.name]
    rows = numpy.genfromtxt(path, delimiter=",", skip_header=1)
    by_operation = budget["unit"] == "operation"
    unit = rows[:, 2] if by_operation else rows[:, 0] / 3600.0
    return unit, rows[:, 1], float(budget["budget"])


def groups(unit, value, most=600):
    import numpy

    parts = min(most, len(unit))
    mean = lambda column: numpy.array([part.mean() for part in numpy.array_split(column, parts)])
    return mean(unit), mean(value)


def least_squares(unit, value, budget):
    from scipy.stats import linregress

    fit = linregress(unit, value)
    return fit.slope > budget and fit.pvalue < 0.05


def quartiles(unit, value, budget):
    quarter = len(unit) // 4
    rise = value[-quarter:].mean() - value[:quarter].mean()
    return rise > budget * (unit[-quarter:].mean() - unit[:quarter].mean())


def mann_kendall(unit, value, budget):
    import pymannkendall

    unit, value = groups(unit, value)
    test = pymannkendall.original_test(value)
    per_group = (unit[-1] - unit[0]) / (len(unit) - 1)
    return test.trend == "increasing" and test.slope > budget * per_group


def theil_sen(unit, value, budget):
    from scipy.stats import theilslopes

    unit, value = groups(unit, value)
    slope = theilslopes(value, unit, alpha=0.95)
    if slope.low_slope > budget:
        return True
    return False if slope.high_slope < budget else None


def otava(unit, value, budget):
    from otava.series import Metric, Series

    unit, value = groups(unit, value)
    series = Series(
        "arena", None, [int(60 * i) for i in range(len(unit))],
        {"bytes": Metric(1, 1.0)}, {"bytes": value.tolist()}, {},
    )
    found = series.analyze().change_points["bytes"]
    if not found:
        return False
    first, last = found[0].index, found[-1].index
    rise = value[last:].mean() - value[:first].mean()
    return rise > budget * (unit[last:].mean() - unit[:first].mean())


def predict_linear(cases):
    """All cases in one call: a test of rules fails for every series that the rule speaks of."""
    tests = []
    for path, (unit, value, budget) in cases:
        unit, value = groups(unit, value)
        last = len(unit) - 1
        half = (last + 1) // 2 + 1
        window, ahead = f"bytes[{half}m]", 60 * last
        # From the middle of the window to a run length after its end.
        allowed = budget * (unit[-1] - unit[0]) * (last + 0.5 * (half - 1)) / last
        tests.append({
            "interval": "1m",
            "input_series": [{
                "series": f'bytes{{file="{path.name}"}}',
                "values": " ".join(f"{v:.0f}" for v in value),
            }],
            "promql_expr_test": [{
                "expr": f"predict_linear({window}, {ahead}) - avg_over_time({window}) > {float(allowed)!r}",
                "eval_time": f"{last}m",
                "exp_samples": [],
            }],
        })
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "arena.yml"
        file.write_text(json.dumps({"evaluation_interval": "1m", "tests": tests}))
        ran = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    said = ran.stdout + ran.stderr
    if "SUCCESS" not in said and "FAILED" not in said:
        sys.exit(f"promtool did not test the rules:\n{said}")
    return [f'file="{path.name}"' in said for path, _ in cases]


RULES = {
    "least-squares": least_squares,
    "quartiles": quartiles,
    "mann-kendall": mann_kendall,
    "theil-sen": theil_sen,
    "otava": otava,
}


def main():
    rule, paths = sys.argv[1], [pathlib.Path(path) for path in sys.argv[2:]]
    if rule == "predict-linear":
        leaks = predict_linear([(path, read(path)) for path in paths])
        for path, leak in zip(paths, leaks):
            print(path, "leak" if leak else "no-leak")
        return
    for path in paths:
        verdict = RULES[rule](*read(path))
        print(path, {True: "leak", False: "no-leak", None: "inconclusive"}[verdict], flush=True)


if __name__ == "__main__":
    main()
