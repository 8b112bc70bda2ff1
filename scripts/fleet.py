"""A fleet for `leaklab fleet`, as a server that speaks the API of Prometheus, and from Prometheus itself.

Called by scripts/fleet. Needs nothing but Python; the part on Prometheus is skipped with a word
where promtool is not installed.
"""

import http.server
import json
import math
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

STEP_S = 300
POINTS = 2016  # seven days
END_S = 1_795_233_600
START_S = END_S - (POINTS - 1) * STEP_S
BUDGET = "20KiB/h"
BUDGET_BYTES = 20 * 1024


def series(kind, rate, rng):
    """Lives of one service, each (name of its pod, first step, values)."""
    level = rng.uniform(60e6, 400e6)
    noise = level * 0.002
    state = 0.0

    def jitter():
        nonlocal state
        state = 0.8 * state + rng.gauss(0, 0.6)
        return noise * state

    if kind == "leak":
        values = [level + rate * i * STEP_S / 3600 + jitter() for i in range(POINTS)]
        return [("0", 0, values)]
    if kind == "deployed-leak":
        cut = rng.randrange(POINTS // 3, 2 * POINTS // 3)
        first = [level + rate * i * STEP_S / 3600 + jitter() for i in range(cut)]
        then = [level + rate * i * STEP_S / 3600 + jitter() for i in range(POINTS - cut)]
        return [("0", 0, first), ("1", cut, then)]
    if kind == "warm-up":
        tau = rng.uniform(6, 60)
        values = [level * (1 - 0.4 * math.exp(-i / tau)) + jitter() for i in range(POINTS)]
        return [("0", 0, values)]
    if kind == "days":
        day = level * rng.uniform(0.02, 0.1)
        values = [
            level + day * math.sin(2 * math.pi * i * STEP_S / 86400) + jitter() for i in range(POINTS)
        ]
        return [("0", 0, values)]
    if kind == "deployed":
        cut = rng.randrange(POINTS // 4, 3 * POINTS // 4)
        other = level * rng.uniform(0.9, 1.2)
        return [
            ("0", 0, [level + jitter() for _ in range(cut)]),
            ("1", cut, [other + jitter() for _ in range(POINTS - cut)]),
        ]
    if kind == "one-of-replicas":
        flat = [(str(pod), 0, [level + jitter() for _ in range(POINTS)]) for pod in range(1, 5)]
        leaks = [level + rate * i * STEP_S / 3600 + jitter() for i in range(POINTS)]
        return [("0", 0, leaks), *flat]
    if kind == "replicas":
        cut = rng.randrange(POINTS // 4, 3 * POINTS // 4)
        other = level * rng.uniform(0.9, 1.2)
        return [
            life
            for pod in range(4)
            for life in (
                (f"old-{pod}", 0, [level + jitter() for _ in range(cut + pod)]),
                (f"new-{pod}", cut + pod, [other + jitter() for _ in range(POINTS - cut - pod)]),
            )
        ]
    return [("0", 0, [level + jitter() for _ in range(POINTS)])]


def fleet(count, leaks, rng):
    """Services: (name, kind, rate, lives)."""
    healthy = ["flat", "flat", "replicas", "days", "warm-up", "deployed"]
    leaking = ["deployed-leak", "leak", "one-of-replicas"]
    services = []
    for number in range(count):
        if number < leaks:
            kind = leaking[number % len(leaking)]
            rate = BUDGET_BYTES * math.exp(rng.uniform(math.log(2), math.log(60)))
        else:
            kind, rate = healthy[number % len(healthy)], 0.0
        services.append((f"service-{number}", kind, rate, series(kind, rate, rng)))
    rng.shuffle(services)
    return services


def written(values, first):
    return "[" + ",".join(
        f'[{START_S + (first + i) * STEP_S},"{int(v)}"]' for i, v in enumerate(values)
    ) + "]"


class Server(http.server.ThreadingHTTPServer):
    """Answers for `pods`: container -> [(pod, values as JSON)]."""

    daemon_threads = True

    def __init__(self, pods):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pods = pods
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = dict(urllib.parse.parse_qsl(form))
        pods = self.server.pods
        if self.path.endswith("/series"):
            data = [
                {"namespace": "shop", "container": name, "pod": f"{name}-{pod}"}
                for name, lives in pods.items()
                for pod, _ in lives
            ]
            body = json.dumps({"status": "success", "data": data}).encode()
        elif re.search("resource_limits|start_time_seconds|restarts_total", query["query"]):
            body = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
        else:
            found = re.search(r'container=~?"([^"]*)"', query["query"])
            names = found.group(1).replace("\\\\", "").split("|") if found else pods
            parts = [
                f'{{"metric":{{"namespace":"shop","container":"{name}","pod":"{name}-{pod}"}},"values":{values}}}'
                for name in names
                for pod, values in pods[name]
            ]
            body = (
                '{"status":"success","data":{"resultType":"matrix","result":[' + ",".join(parts) + "]}}"
            ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def judged(leaklab, url, query="m", more=()):
    """Rows, CPU seconds and the largest resident size in MiB of one `leaklab fleet`."""
    command = [leaklab, "fleet", "--prometheus", url, "--query", query, "--end", str(END_S)]
    command += ["--last", f"{(POINTS - 1) * STEP_S}s", "--step", f"{STEP_S}s", "--format", "json", *more]
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE)
        words = child.stderr.read().decode()
        _, status, usage = os.wait4(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code not in (0, 1, 3):
            sys.exit(f"leaklab fleet ended with {code}: {words}")
        out.seek(0)
        rows = [json.loads(line) for line in out]
    return rows, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def score(rows, services):
    """Leaks found of those there are, healthy ones accused, the largest error of a rate."""
    truth = {name: rate for name, _, rate, _ in services}
    found = accused = 0
    worst = 0.0
    for row in rows:
        rate = truth[row["labels"]["container"]]
        if not row["discovery"]:
            continue
        if rate > 0:
            found += 1
            worst = max(worst, abs(row["slope_bytes_per_hour"] / rate - 1))
        else:
            accused += 1
    return found, accused, worst


def many(leaklab):
    """10,000 series of 2,016 points: CPU and memory."""
    rng = random.Random(1)
    patterns = [fleet(1, 0, rng)[0][3] for _ in range(60)]
    ready = [[(pod, written(values, first)) for pod, first, values in lives] for lives in patterns]
    server = Server({f"service-{i}": ready[i % len(ready)][:1] for i in range(10_000)})
    rows, cpu_s, mib = judged(leaklab, server.url(), more=["--budget", BUDGET])
    server.shutdown()
    print(f"10,000 series of 2,016 points: {len(rows)} judged, {cpu_s:.1f} s of CPU, {mib:.0f} MiB")
    return len(rows) == 10_000 and mib < 300 and cpu_s < 40


def seeds(leaklab, count):
    """False discoveries over fleets of 120 services, 20 of which leak."""
    shares = []
    missed = 0
    for seed in range(count):
        services = fleet(120, 20, random.Random(seed))
        pods = {
            name: [(pod, written(values, first)) for pod, first, values in lives]
            for name, _, _, lives in services
        }
        server = Server(pods)
        rows, _, _ = judged(leaklab, server.url(), more=["--budget", BUDGET])
        server.shutdown()
        found, accused, _ = score(rows, services)
        missed += 20 - found
        shares.append(accused / max(1, found + accused))
    share = sum(shares) / len(shares)
    print(
        f"{count} fleets of 120 services, 20 of which leak: {100 * share:.2f} % of the discoveries "
        f"are false on average, {missed} of {20 * count} leaks are missed"
    )
    return share <= 0.05


def prometheus(leaklab, count, leaks):
    """The same question to a real Prometheus."""
    if not (shutil.which("promtool") and shutil.which("prometheus")):
        print("Prometheus: skipped, neither promtool nor prometheus is installed (apt-get install prometheus)")
        return True
    services = fleet(count, leaks, random.Random(77))
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "series.om")
        with open(text, "w") as out:
            out.write("# TYPE container_memory_working_set_bytes gauge\n")
            for name, _, _, lives in services:
                for pod, first, values in lives:
                    labels = f'namespace="shop",container="{name}",pod="{name}-{pod}"'
                    head = f"container_memory_working_set_bytes{{{labels}}}"
                    for i, value in enumerate(values):
                        out.write(f"{head} {int(value)} {START_S + (first + i) * STEP_S}\n")
            out.write("# EOF\n")
        data = os.path.join(folder, "data")
        # One block a week instead of one each two hours: promtool reads the file once a block.
        subprocess.run(
            ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=168h", "--quiet", text, data],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        config = os.path.join(folder, "prometheus.yml")
        with open(config, "w") as out:
            out.write("global: {}\n")
        with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as free:
            port = free.server_address[1]
        server = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={data}",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=error",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"{url}/-/ready", timeout=2).read()
                    break
                except OSError:
                    time.sleep(0.1)
            query = 'container_memory_working_set_bytes{namespace="shop"}'
            rows, cpu_s, mib = judged(leaklab, url, query, ["--budget", BUDGET])
        finally:
            server.terminate()
            server.wait()
    found, accused, worst = score(rows, services)
    print(
        f"Prometheus, {count} services over 7 days: {found} of {leaks} leaks found, rates within "
        f"{100 * worst:.1f} %, {accused} of {count - leaks} healthy services accused, {cpu_s:.1f} s of CPU, {mib:.0f} MiB"
    )
    return found == leaks and accused == 0 and worst <= 0.05


def main():
    leaklab = os.path.abspath(sys.argv[1])
    wanted = sys.argv[2:] or ["many", "seeds", "prometheus"]
    held = True
    if "many" in wanted:
        held &= many(leaklab)
    if "seeds" in wanted:
        held &= seeds(leaklab, 20)
    if "prometheus" in wanted:
        held &= prometheus(leaklab, 300, 25)
    sys.exit(0 if held else 1)


main()
