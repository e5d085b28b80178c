#!/usr/bin/env python3
"""Tests of `waiver report` as people see it: pages of runs, sweeps and an imported model in a headless Chromium.

The environment names the program: WAIVER_PROGRAM. Skipped (exit status 77) where Chromium, its driver or Selenium is missing.
"""
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree

from browser import PROGRAM, ROOT, TINY, Page, number, report, shown_as, train, waiver
import h5py
import numpy as np

FOLDER = tempfile.TemporaryDirectory(prefix="waiver-page-")
HERE = pathlib.Path(FOLDER.name)
STUDY = """
title: "Two encodings <script>document.title = 'broken'</script> @data@"
question: Does the page hold?
base: {base}
grid:
  model.position.kind: [none, learned]
seeds: [0, 1, 2]
published: {{file: curve.csv, source: "a <test>", columns: {{received_attention: theirs}}}}
claims:
  - id: falls
    sentence: The loss falls below 4 nat.
    source: a test
    measure: {{kind: value, series: eval/loss}}
    expect: {{below: 4}}
"""

# The texts that stand beyond the edge of their chart.
CUT_OFF = """return Array.from(document.querySelectorAll('.chart svg')).flatMap((svg) => {
  const all = svg.getBoundingClientRect();
  return Array.from(svg.querySelectorAll('text'), (t) => [t.textContent, t.getBoundingClientRect()])
    .filter(([, b]) => b.width && (b.left < all.left - 2 || b.right > all.right + 2 || b.bottom > all.bottom + 2))
    .map(([text]) => `${svg.getAttribute('aria-label')}: ${text}`)})"""


def setUpModule():
    train(HERE / "run")
    report(HERE / "run")
    (HERE / "base.yaml").write_text(f"base: {ROOT}/configs/bigram_backcopy.yaml\n")
    (HERE / "study.yaml").write_text(STUDY.format(base=HERE / "base.yaml"))
    (HERE / "curve.csv").write_text("# of nobody\nstep,theirs\n0,0.1\n10,0.2\n40,0.5\n1000,0.9\n")
    waiver("sweep", HERE / "study.yaml", *TINY, "--out", HERE / "sweep")


def tearDownModule():
    FOLDER.cleanup()


class RunPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.page = Page(HERE / "run/report.html")
        cls.log = h5py.File(HERE / "run/log.h5")

    @classmethod
    def tearDownClass(cls):
        cls.page.driver.quit()
        cls.log.close()

    def tearDown(self):
        self.assertEqual(self.page.errors(), [])

    def setUp(self):
        self.page.js("frames.filter((f) => f.table_box && !f.table_box.hidden).forEach((f) => f.toggle())")

    def place(self):
        return self.page.js("return [data.story.place.layer, data.story.place.head, data.story.place.position]")

    def test_says_what_show_says(self):
        sentence = " ".join(waiver("show", HERE / "run").split("\n\n")[0].split())
        self.assertEqual(self.page.text("#sentence"), sentence)

    def test_needs_nothing_but_its_file(self):
        text = (HERE / "run/report.html").read_text()
        for word in ("http://", "https://"):
            outside = [part[:40] for part in text.split(word)[1:] if not part.startswith(("www.w3.org/", "d3js.org", "github.com/"))]
            self.assertEqual([part for part in outside if "src=" in part or "href=" in part], [])
        self.assertEqual(self.page.js("return performance.getEntriesByType('resource').filter((r) => !r.name.startsWith('data:')).length"), 0)

    def test_slider_changes_the_map_and_the_charts(self):
        image = "return document.querySelector('#attention_map image').getAttribute('href')"
        self.page.go_to_row(0)
        first, heads = self.page.js(image), self.page.text("#head_map .sub")
        self.page.js("document.getElementById('step').focus()")
        self.page.find("#step").send_keys("\ue010")  # End
        self.page.settle()
        self.assertNotEqual(self.page.js(image), first)
        self.assertNotEqual(self.page.text("#head_map .sub"), heads)
        self.assertIn("step 40", self.page.text("#attention_map .sub"))

    def test_hover_names_layer_head_position_value(self):
        self.page.go_to_row(0)
        layer, head, _ = self.place()
        T = self.log["key"].size
        said = self.page.hover("#attention_map rect.frame", 0.5 / T, 10.5 / T)
        weight = self.log["snapshot/pattern_mean"][0, layer, head, 10, 0]
        lines = said.split("\n")
        self.assertEqual(lines[0], f"layer {layer}, head {head}, step 0")
        self.assertTrue(lines[1].startswith("query 10") and lines[2].startswith("key 0"), said)
        self.assertLessEqual(abs(number(lines[3].removeprefix("weight ")) - weight), 1 / 508 + 5e-4)
        self.assertIn("α", self.page.hover("#alpha_by_position rect.frame", 0.5 / T, 0.1))
        self.assertIn("layer 0, head 0", self.page.hover("#head_map rect.frame", 0.1, 0.1))

    def test_a_click_chooses_the_head(self):
        self.page.js("""const area = document.querySelector('#head_map rect.frame'), b = area.getBoundingClientRect();
          area.dispatchEvent(new MouseEvent('click', {clientX: b.left + 0.9 * b.width, clientY: b.top + 0.1 * b.height}))""")
        self.page.settle()
        self.assertEqual((self.page.find("#layer").get_attribute("value"), self.page.find("#head").get_attribute("value")), ("0", "1"))
        layer, head, _ = self.place()
        self.page.choose("#layer", str(layer))
        self.page.choose("#head", str(head))

    def test_numbers_are_those_of_the_log(self):
        layer, head, key = self.place()
        names, rows = self.page.table("emergence")
        series = {"attention α": "received_attention", "enrichment E": "enrichment", "value ratio r_V": "value_ratio"}
        self.assertEqual([int(row[0]) for row in rows], list(self.log["probe/step"]))
        for column, name in series.items():
            for row, value in zip(rows, self.log[f"probe/{name}"][:, layer, head, key]):
                self.assertTrue(shown_as(row[names.index(column)], value), (column, row, value))
        names, rows = self.page.table("loss")
        losses = {int(step): loss for step, loss in zip(self.log["train/step"], self.log["train/loss"])}
        told = {int(row[0]): row[names.index("loss: training")] for row in rows if row[names.index("loss: training")]}
        self.assertEqual(set(told), set(losses))
        self.assertTrue(all(shown_as(told[step], losses[step]) for step in losses))
        self.page.go_to_row(5)
        _, rows = self.page.table("head_map")
        for l, h, _, alpha, enrichment, ratio, verdict in rows:
            at = (5, int(l), int(h), key)
            for text, name in ((alpha, "received_attention"), (enrichment, "enrichment"), (ratio, "value_ratio")):
                self.assertTrue(shown_as(text, self.log[f"probe/{name}"][at]), (at, name, text))
            score = ["neither", "sink only", "waiver"][int(self.log["probe/waiver_score"][at])]
            self.assertEqual(verdict, score)
        self.page.choose("#key", "strongest")
        _, rows = self.page.table("head_map")
        for l, h, position, alpha, *_ in rows:
            self.assertTrue(shown_as(alpha, self.log["probe/received_attention"][5, int(l), int(h), int(position)]))
        self.page.choose("#key", "story")

    def test_every_chart_has_a_table_and_saves_as_svg(self):
        for chart in self.page.js("return frames.filter((f) => !f.why).map((f) => f.spec.id)"):
            names, rows = self.page.table(chart)
            self.assertTrue(rows and all(len(row) == len(names) for row in rows), chart)
            self.page.js("const f = frames.find((f) => f.spec.id === arguments[0]); if (!f.table_box.hidden) f.toggle()", chart)
            drawing = xml.etree.ElementTree.fromstring(self.page.js("return frames.find((f) => f.spec.id === arguments[0]).markup()", chart))
            self.assertTrue(drawing.tag.endswith("svg") and len(drawing) > 3, chart)
            self.assertNotIn("var(", xml.etree.ElementTree.tostring(drawing, encoding="unicode"), chart)

    def test_both_step_axes_and_weighted_attention(self):
        plain = self.page.js("return document.querySelector('#emergence path.line').getAttribute('d')")
        self.page.choose("#axis", "log")
        self.assertNotEqual(self.page.js("return document.querySelector('#emergence path.line').getAttribute('d')"), plain)
        self.page.choose("#axis", "linear")
        self.page.choose("#weighting", "weighted")
        _, rows = self.page.table("attention_map")
        sums = {}
        for query, _, weight in rows:
            sums[query] = sums.get(query, 0) + number(weight)
        self.assertTrue(all(abs(total - 1) < 0.03 for total in sums.values()), sums)  # of up to 24 rounded weights
        self.page.choose("#weighting", "plain")

    def test_links_to_the_checkpoints(self):
        links = self.page.js("return Array.from(document.querySelectorAll('#checkpoints a'), (a) => decodeURI(a.getAttribute('href')))")
        self.assertEqual(len(links), 2)
        for link in links:
            self.assertTrue((HERE / "run" / link).is_dir(), link)


class OtherPages(unittest.TestCase):
    def test_a_sweep(self):
        waiver("report", HERE / "sweep", "--runs")
        claim = json.loads((HERE / "sweep/claims.json").read_text())["claims"][0]
        with Page(HERE / "sweep/report.html") as page:
            self.assertIn(claim["verdict"], page.text("#claims"))
            self.assertIn("<script>", page.text("h1"))  # as text
            self.assertTrue(page.driver.title.startswith("Two encodings"))
            column = "return Array.from(document.querySelectorAll('#runs_table tbody tr'), (r) => r.cells[arguments[0]].textContent)"
            names = page.js("return Array.from(document.querySelectorAll('#runs_table th'), (c) => c.textContent)")
            at = names.index("loss")
            unsorted = [number(x) for x in page.js(column, at)]
            button = page.find(f"#runs_table th:nth-child({at + 1}) button")
            button.click()
            self.assertEqual([number(x) for x in page.js(column, at)], sorted(unsorted))
            button.click()
            self.assertEqual([number(x) for x in page.js(column, at)], sorted(unsorted, reverse=True))
            for name, loss in zip(page.js(column, 0), page.js(column, at)):
                with h5py.File(HERE / "sweep" / name / "log.h5") as log:
                    self.assertTrue(shown_as(loss, log["eval/loss"][-1]))
            page.find("#filter").send_keys("learned")
            self.assertEqual(len(page.js(column, 0)), 3)
            names, rows = page.table("multiples")
            theirs = [[row[0], row[i]] for row in rows for i, name in enumerate(names) if name == "none: published" and row[i]]
            self.assertEqual(theirs, [["0", "0.100"], ["10", "0.200"], ["40", "0.500"]])
            self.assertIn("a <test>", page.text("#multiples .sub"))
            link = page.find("#runs_table a").get_attribute("href")
            for chart in page.js("return frames.filter((f) => !f.why && !f.spec.html).map((f) => f.spec.id)"):
                self.assertTrue(page.table(chart)[1], chart)
            self.assertEqual(page.errors(), [])
        with Page(link) as page:
            self.assertEqual(page.errors(), [])
            self.assertIn("learned", page.text("h1"))

    def test_an_imported_model(self):
        train(HERE / "gpt2", "model.attention.bias=all", "model.mlp={kind: gelu_tanh, bias: true, width: 128}", "model.position.kind=learned")
        waiver("export", HERE / "gpt2", "--out", HERE / "hub")
        waiver("import", HERE / "hub", "--out", HERE / "imported")
        refused = subprocess.run([PROGRAM, "report", HERE / "imported"], capture_output=True, text=True)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--token-file", refused.stderr)
        np.save(HERE / "ids.npy", np.arange(24, dtype=np.uint16).reshape(2, 12) % 20)
        waiver("report", HERE / "imported", "--token-file", HERE / "ids.npy")
        with Page(HERE / "imported/report.html") as page:
            self.assertIn("waiver element", page.text("#sentence"))
            self.assertEqual(len(page.table("attention_map")[1]), 12 * 13 // 2)
            self.assertEqual(page.errors(), [])

    def test_a_half_written_run(self):
        out = HERE / "half"
        process = subprocess.Popen([PROGRAM, "train", ROOT / "configs/bigram_backcopy.yaml", *TINY, "train.steps=100000", "--out", out],
                                   stdout=subprocess.DEVNULL)
        try:
            for _ in range(3000):
                if (out / "log.h5").exists():
                    break
                time.sleep(0.01)
            time.sleep(0.5)
            waiver("report", out)
            with Page(out / "report.html") as page:
                self.assertIn("not finished", page.text("#top"))
                self.assertEqual(page.errors(), [])
        finally:
            process.kill()
            process.wait()
        waiver("report", out)
        with Page(out / "report.html") as page:
            self.assertIn("interrupted", page.text("#top"))
            self.assertEqual(page.errors(), [])

    def test_a_run_without_probes(self):
        train(HERE / "blind", "probe.every=0", "probe.snapshots=[]")
        waiver("report", HERE / "blind")
        with Page(HERE / "blind/report.html") as page:
            self.assertIn("no probes", page.text("#top"))
            self.assertIn("no attention map", page.text("#attention_map"))
            self.assertTrue(page.table("loss")[1])
            self.assertEqual(page.errors(), [])

    def test_texts_are_escaped(self):
        words = ["</script><script>document.title = 1</script>", "<!--", "<img src=x onerror=alert(1)>", "&lt;", "\"'", "@css@", "\u2028", "é"]
        (HERE / "words.json").write_text(json.dumps(words))
        np.random.default_rng(0).integers(0, 8, 4000).astype(np.uint16).tofile(HERE / "ids.bin")
        out = HERE / "<img src=x onerror=\"document.title=2\"> <script>"
        train(out, "data={kind: tokens, train: %s, validation: %s, vocabulary: 8, strings: %s}" % (HERE / "ids.bin", HERE / "ids.bin", HERE / "words.json"))
        waiver("report", out)
        with Page(out / "report.html") as page:
            self.assertEqual(page.driver.title, out.name)
            self.assertEqual(page.text("h1"), out.name)
            page.choose("#sequence", "pattern")
            axis = page.text("#attention_map svg")
            self.assertIn("<", axis)
            self.assertEqual(page.js("return document.querySelectorAll('img, #top script, main script').length"), 0)
            self.assertEqual(page.errors(), [])

    def test_dark_and_phone(self):
        for width, dark in ((390, False), (390, True), (1280, True)):
            with Page(HERE / "run/report.html", width, 844, dark) as page:
                self.assertEqual(page.js("return document.documentElement.scrollWidth <= innerWidth"), True, width)
                self.assertEqual(page.js(CUT_OFF), [], (width, dark))
                self.assertEqual(page.errors(), [])

    def test_a_damaged_file_costs_its_own_chart_alone(self):
        shutil.copytree(HERE / "sweep", HERE / "damaged")
        (HERE / "damaged/claims.json").write_text('{"level": 1, "claims": [7]}')
        waiver("report", HERE / "damaged")
        with Page(HERE / "damaged/report.html") as page:
            self.assertIn("cannot be drawn", page.text("#claims"))
            self.assertTrue(page.table("multiples")[1])
            self.assertEqual(page.errors(), [])

    def test_replaces_only_its_own_pages(self):
        shutil.copytree(HERE / "run", HERE / "mine")
        page = HERE / "mine/report.html"
        page.write_text("my own notes")
        refused = subprocess.run([PROGRAM, "report", HERE / "mine"], capture_output=True, text=True)
        self.assertEqual((refused.returncode, page.read_text()), (2, "my own notes"))
        self.assertIn("not written by this program", refused.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
