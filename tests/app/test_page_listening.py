"""Listening to a recording: one switch without a jump, keys, labels, widths and colours."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile as sf

ROOT = Path(__file__).parents[2]


@pytest.fixture
def loaded(open_page, tmp_path):
    """Return a function that opens the page with some seconds of the example, denoised."""

    def load(seconds: int = 2, **options: object):
        samples, rate = sf.read(ROOT / "examples/noisy.wav", dtype="float32")
        sf.write(tmp_path / "a.wav", samples[: seconds * rate], rate)
        page = open_page(**options)
        page.choose(tmp_path / "a.wav")
        page.wait_done()
        page.drawn()
        return page

    return load


def position(page) -> float:
    return float(page.page.locator("#position").input_value())


def test_the_switch_keeps_the_place(loaded):
    page = loaded(seconds=10).page
    page.keyboard.press("Space")
    page.locator("#play", has_text="Pause").wait_for()
    page.keyboard.press("Space")
    page.locator("#play", has_text="Play").wait_for()
    page.locator("#position").fill("1.25")
    page.click("label[for=before]")
    assert page.is_checked("#before")
    assert page.locator("#position").input_value() == "1.25"
    page.keyboard.press("b")
    assert page.is_checked("#after")
    assert page.locator("#position").input_value() == "1.25"
    assert page.locator("#file-view .playhead").evaluate("e => parseFloat(e.style.left)") == 12.5


def test_a_click_on_the_spectrogram_moves_there(loaded):
    page = loaded()
    box = page.page.locator("#file-view .pictures").bounding_box()
    page.page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 20)
    assert abs(position(page) - 0.5) < 0.02


def test_spectrograms_show_sound_and_the_strength(loaded):
    page = loaded().page
    brightness = """c => {
      const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
      let sum = 0;
      for (let i = 0; i < d.length; i += 4) sum += d[i] + d[i + 1] + d[i + 2];
      return sum / d.length;
    }"""
    before, after = (page.locator("#file-view canvas").nth(i).evaluate(brightness) for i in (0, 1))
    assert before > after + 5 > 5
    page.locator("#strength").fill("0")
    page.locator("#strength").dispatch_event("change")
    page.wait_for_selector('#file-view[data-drawn="a.wav"]')
    dry = page.locator("#file-view canvas").nth(1).evaluate(brightness)
    assert abs(dry - before) < 0.5


def test_everything_has_a_name_and_the_tabs_work_with_keys(loaded):
    page = loaded().page
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, meter")].filter((e) =>
        !(e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim()))
        .map((e) => e.outerHTML)"""
    )
    assert not unnamed
    page.focus("#files-tab")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#mic-panel") and not page.is_visible("#files-panel")
    assert page.evaluate("() => document.activeElement.id") == "mic-tab"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_telephone_needs_no_sideways_scrolling_and_text_is_readable(loaded, scheme):
    page = loaded(viewport={"width": 360, "height": 740}, color_scheme=scheme).page
    for tab in ("files", "mic"):
        page.click(f"#{tab}-tab")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    assert page.evaluate(CONTRAST) >= 4.5  # WCAG 2.2 AA


CONTRAST = """() => {
  const luminance = (c) => {
    const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3)
      .map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const back = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$/.test(c)) return c;
    }
    return "rgb(255, 255, 255)";
  };
  let worst = 21;
  for (const e of document.querySelectorAll("main *, header *, footer *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    if (!e.checkVisibility() || e.disabled || e.closest(".picture")) continue;
    const [a, b] = [luminance(getComputedStyle(e).color), luminance(back(e))].sort((x, y) => y - x);
    worst = Math.min(worst, (a + 0.05) / (b + 0.05));
  }
  return worst;
}"""
