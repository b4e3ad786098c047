"""HTTP on one worker, against a FastAPI route that does nothing and servers of scikit-learn models.

wrk (Debian and Homebrew have it) sends the requests. Each peer serves the same scikit-learn pipeline from an
environment of its own, which this script makes.

Usage: python -m benchmarks.http
"""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import BUILD, environment, machine, natural_texts, table, write_section
from modality.artifact import DEFAULT_MODELS, current_version

SECONDS = 6
ROUNDS = 3
SKLEARN = ("scikit-learn==1.9.1", "joblib==1.6.0", "numpy", "scipy")

NOOP = """
from fastapi import FastAPI
app = FastAPI()

@app.get("/healthz")
async def healthz():
    return {"status": "ok"}
"""
LITSERVE = """
import sys, joblib, litserve

class Api(litserve.LitAPI):
    def setup(self, device): self.model = joblib.load(sys.argv[1])
    def decode_request(self, request): return request["text"]
    def predict(self, text): return self.model.decision_function([text])[0].tolist()
    def encode_response(self, scores): return {"scores": scores}

if __name__ == "__main__":
    litserve.LitServer(Api(), accelerator="cpu").run(port=int(sys.argv[2]), generate_client_file=False)
"""
BENTOML = """
import os, bentoml, joblib

@bentoml.service(workers=1)
class Service:
    def __init__(self) -> None: self.model = joblib.load(os.environ["PIPELINE"])

    @bentoml.api
    def classify(self, text: str) -> list[float]: return self.model.decision_function([text])[0].tolist()
"""
MLSERVER = """
import os, joblib, numpy as np
from typing import List
from mlserver import MLModel
from mlserver.codecs import decode_args

class Model(MLModel):
    async def load(self) -> bool:
        self.model = joblib.load(os.environ["PIPELINE"])
        return True

    @decode_args
    async def predict(self, text: List[str]) -> np.ndarray: return self.model.decision_function(text)
"""


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def server(*command: object, port: int, ready: str, cwd: Path, **env: str) -> Iterator[None]:
    """Run a server until it answers, and end it."""
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=1).read()
                break
            except OSError:
                assert process.poll() is None, command
                time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)


def requests_file(name: str, bodies: list[str]) -> Path:
    """Return a script for wrk that sends bodies in turn."""
    path = BUILD / f"{name}.lua"
    listed = ",\n".join("[==[" + body + "]==]" for body in bodies)
    path.write_text(
        f"local bodies = {{{listed}}}\nlocal i = 0\nwrk.method = 'POST'\n"
        "wrk.headers['content-type'] = 'application/json'\n"
        "request = function() i = i % #bodies + 1; return wrk.format(nil, nil, nil, bodies[i]) end\n"
    )
    return path


def load(url: str, connections: int, script: Path | None) -> tuple[float, float, float]:
    """Return requests per second, and the median and the 99th percentile of the time of one, in ms."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", url]
    if script:
        command[1:1] = ["-s", str(script)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in output, output
    assert "Socket errors" not in output, output
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    half, most = (
        float(match[1]) * unit[match[2]]
        for match in (re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", output) for share in (50, 99))
        if match
    )
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found, output
    return float(found[1]), half, most


def health_during_batches(port: int) -> float:
    """Return the longest wait for /healthz, in ms, while batches of 1,024 long texts run one after the other."""
    texts = [(text * 8)[:900] for text in natural_texts(1024)]
    body = json.dumps({"texts": texts}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/classify/batch", body, {"content-type": "application/json"}
    )
    done = threading.Event()

    def batches() -> None:
        for _ in range(20):
            urllib.request.urlopen(request).read()
        done.set()

    threading.Thread(target=batches).start()
    waits = []
    while not done.is_set():
        started = time.perf_counter()
        subprocess.run(["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{port}/healthz"], check=True)
        waits.append((time.perf_counter() - started) * 1e3)
        time.sleep(0.01)
    return max(waits)


def main() -> None:
    if shutil.which("wrk") is None:
        sys.exit("benchmarks.http: wrk is not there; install it (Debian, Homebrew: wrk)")
    BUILD.mkdir(parents=True, exist_ok=True)
    pipeline = (DEFAULT_MODELS / current_version(DEFAULT_MODELS) / "pipeline.joblib").resolve()
    texts = [text for text in natural_texts(20_000) if "]==]" not in text][:2000]
    ours = requests_file("ours", [json.dumps({"text": text}) for text in texts])
    tensor = [
        json.dumps({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}]}) for text in texts
    ]
    open_inference = requests_file("mlserver", tensor)
    home = BUILD.resolve()
    for name, code in (("noop_app", NOOP), ("lit_app", LITSERVE), ("bento_app", BENTOML), ("ml_app", MLSERVER)):
        folder = home / f"{name}"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(code)
    implementation = {"name": "m", "implementation": "ml_app.Model"}
    (home / "ml_app" / "model-settings.json").write_text(json.dumps(implementation))
    root = Path.cwd()
    rows = []

    def measure(url: str, script: Path | None) -> list[tuple[float, float, float]]:
        load(url, 16, script)  # warm
        return [
            tuple(statistics.median(run[k] for run in runs) for k in range(3))  # type: ignore[misc]
            for runs in ([load(url, n, script) for _ in range(ROUNDS)] for n in (16, 1))
        ]

    found: dict[str, list[tuple[float, float, float]]] = {}
    port = free_port()
    with server(sys.executable, "-m", "service", "serve", "--port", port, port=port, ready="/readyz", cwd=root):
        noop_port = free_port()
        command = (sys.executable, "-m", "uvicorn", "noop_app:app", "--port", noop_port, "--no-access-log")
        with server(*command, port=noop_port, ready="/healthz", cwd=home / "noop_app"):
            found["FastAPI, `async def`, does nothing"] = measure(f"http://127.0.0.1:{noop_port}/healthz", None)
            found["`POST /v1/classify`"] = measure(f"http://127.0.0.1:{port}/v1/classify", ours)
        longest = health_during_batches(port)
    port = free_port()
    with server(
        environment("litserve", ("litserve==0.2.19", *SKLEARN)), "lit_app.py", pipeline, port,
        port=port, ready="/health", cwd=home / "lit_app",
    ):  # fmt: skip
        found["LitServe, scikit-learn pipeline"] = measure(f"http://127.0.0.1:{port}/predict", ours)
    port = free_port()
    python = environment("bentoml", ("bentoml==1.4.40", *SKLEARN))
    command = (python, "-m", "bentoml", "serve", "bento_app:Service", "--port", port)
    with server(*command, port=port, ready="/readyz", cwd=home / "bento_app", PIPELINE=str(pipeline)):
        found["BentoML, scikit-learn pipeline"] = measure(f"http://127.0.0.1:{port}/classify", ours)
    port, grpc, metrics = free_port(), free_port(), free_port()
    python = environment("mlserver", ("mlserver==1.7.1", *SKLEARN))
    limits = {"http_port": port, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0, "debug": False}
    (home / "ml_app" / "settings.json").write_text(json.dumps(limits))
    command = (python.parent / "mlserver", "start", ".")
    with server(*command, port=port, ready="/v2/health/ready", cwd=home / "ml_app", PIPELINE=str(pipeline)):
        found["MLServer, scikit-learn pipeline"] = measure(f"http://127.0.0.1:{port}/v2/models/m/infer", open_inference)
    rate = found["`POST /v1/classify`"][0][0]
    for name, (many, one) in found.items():
        rows.append(
            [name, f"{many[0]:,.0f}", f"{rate / many[0]:,.2f}", f"{many[1]:.2f}", f"{many[2]:.2f}", f"{one[1]:.3f}"]
        )
    header = [
        "one worker",
        "requests/s",
        "classify is so many times faster",
        "median ms",
        "99% under, ms",
        "median ms alone",
    ]
    write_section(
        "HTTP",
        f"{machine('fastapi', 'uvicorn', 'msgspec')}. wrk on the same machine, 16 connections and then one alone, "
        f"{len(texts):,} rows of the corpus in turn; medians of {ROUNDS} runs of {SECONDS} s.\n\n"
        f"{table(header, rows)}\n\n"
        f"While batches of 1,024 texts of 900 characters ran one after the other, the longest wait for `/healthz` was "
        f"{longest:.0f} ms, the start of curl included.",
    )


if __name__ == "__main__":
    main()
