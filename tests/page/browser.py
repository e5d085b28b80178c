"""A headless Chromium that opens pages of the program, and the runs that they are of."""
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = os.environ.get("WAIVER_PROGRAM", str(ROOT / "build/release/waiver"))
os.environ["WAIVER_PROGRAM"] = PROGRAM
sys.path.insert(0, str(ROOT / "tests/scripts"))
from small_runs import program as waiver, skip_without_packages  # noqa: E402

try:
    import h5py  # noqa: F401, for the tests that import this
    import numpy as np
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
except ImportError as missing:
    skip_without_packages(missing)

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:
    print("skipped: chromium or chromedriver is not installed")
    sys.exit(77)

TINY = ["model.layers=2", "model.heads=2", "model.width=32", "model.context=24", "train.steps=40", "train.batch=8", "probe.every=4",
        "probe.batch=4", "probe.snapshots=[0, 20, 40]", "train.eval.batches=1", "train.checkpoint.every=20", "train.checkpoint.keep=5"]


def train(out, *overrides):
    waiver("train", ROOT / "configs/bigram_backcopy.yaml", *TINY, *overrides, "--out", out)
    return out


def report(run):
    """Writes the page of a run; ends the test as skipped where the program was built without D3."""
    done = subprocess.run([PROGRAM, "report", str(run)], capture_output=True, text=True)
    if "built without D3" in done.stderr:
        print(f"skipped: {done.stderr.strip()}")
        sys.exit(77)
    if done.returncode:
        raise AssertionError(done.stderr)


class Page:
    """A page in a window of its own. `errors`: what its console has complained of."""

    def __init__(self, address, width=1280, height=900, dark=False):
        options = Options()
        options.binary_location = CHROMIUM
        for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", f"--window-size={width},{height}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        if width < 500:
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True})
        if dark:
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                        {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
        start = time.monotonic()
        self.driver.get(address if "://" in str(address) else pathlib.Path(address).absolute().as_uri())
        self.wait(lambda: self.js("return document.body.dataset.ready") == "1")
        self.seconds = time.monotonic() - start

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()
        self.driver.service.stop()

    def js(self, code, *arguments):
        return self.driver.execute_script(code, *arguments)

    def wait(self, holds, seconds=30):
        end = time.monotonic() + seconds
        while not holds():
            problems = self.errors()
            if problems or time.monotonic() > end:
                raise AssertionError(f"waited in vain; console: {problems}")
            time.sleep(0.02)

    def settle(self):
        """Until the charts have followed a change."""
        self.js("window.settled = 0; requestAnimationFrame(() => requestAnimationFrame(() => { window.settled = 1; }))")
        self.wait(lambda: self.js("return window.settled") == 1)

    def errors(self):
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.find(selector).text

    def choose(self, selector, value):
        self.js("const s = document.querySelector(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('change'))", selector, value)
        self.settle()

    def go_to_row(self, row):
        self.js("const s = document.getElementById('step'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))", row)
        self.settle()

    def hover(self, selector, x=0.5, y=0.5):
        """Puts the pointer over a part of an element, in shares of its size, and returns what the tip says."""
        node = self.find(selector)
        self.js("arguments[0].scrollIntoView({block: 'center'})", node)
        size = self.js("const b = arguments[0].getBoundingClientRect(); return [b.width, b.height]", node)
        ActionChains(self.driver).move_to_element_with_offset(node, round((x - 0.5) * size[0]), round((y - 0.5) * size[1])).perform()
        return self.text("#tip")

    def table(self, chart):
        """The names of the columns and the rows of a chart's table."""
        self.js("const f = frames.find((f) => f.spec.id === arguments[0]); if (f.table_box.hidden) f.toggle()", chart)
        rows = self.js("return Array.from(document.querySelectorAll(`#${arguments[0]} .scroll tr`), (r) => Array.from(r.cells, (c) => c.textContent))", chart)
        return rows[0], rows[1:]


def number(text):
    """What a number on the page says; None where it is undefined."""
    return None if text in ("undefined", "") else float(text.replace("−", "-").replace("∞", "inf"))


def shown_as(text, value):
    """Whether a page that shows `text` shows this number: to half a unit of its last digit, and the rounding of its array."""
    if text == "undefined":
        return bool(np.isnan(value))
    mantissa, _, exponent = text.replace("−", "-").partition("e")
    digits = len(mantissa.partition(".")[2])
    unit = 10.0 ** (int(exponent or 0) - digits)
    return abs(number(text) - value) <= 0.5001 * unit + 2.0 ** -16 * abs(value)
