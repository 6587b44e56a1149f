"""The queue of the audio thread, with a simulated worker that is late now and then."""

from __future__ import annotations

import pytest

from rtdenoise.app.site import read_page_file

HOP, QUANTUM = 480, 128  # samples
# The globals of an audio thread, and a worker that answers each hop after 2 ms, or after a stall.
SIMULATION = """({ minutes, every, stall }) => {
  let Live;
  const sampleRate = 48000;
  const registerProcessor = (name, processor) => (Live = processor);
  class AudioWorkletProcessor { port = { postMessage() {} }; }
  SOURCE
  const live = new Live({ processorOptions: { hop: 480 } });
  const first = live.reserve.target;
  const waiting = [];
  let now = 0, free = 0;
  const worker = { postMessage({ hop }) {
    const late = every && Math.floor(now / every) > Math.floor((now - 0.01) / every) ? stall : 0;
    free = Math.max(now, free) + 0.002 + late;
    waiting.push([free, hop]);
  } };
  live.port.onmessage({ data: { worker } });
  const output = [[new Float32Array(128)]], input = [[new Float32Array(128).fill(0.5)]];
  let halfway = 0;
  for (const end = 60 * minutes; now < end; now += 128 / sampleRate) {
    while (waiting.length && waiting[0][0] <= now) live.take(waiting.shift()[1]);
    live.process(input, output);
    if (now < end / 2) halfway = live.dropouts;
  }
  const hops = (samples) => Math.round(samples / 480);
  return { dropouts: live.dropouts, halfway, first: hops(first), last: hops(live.reserve.target),
           fill: live.fill / 480, sound: output[0][0][127] };
}"""


@pytest.fixture(scope="module")
def simulate(browser):
    page = browser.new_page()
    code = SIMULATION.replace("SOURCE", read_page_file("worklet.js"))
    yield lambda **case: page.evaluate(code, {"minutes": 10, "every": 0, "stall": 0, **case})
    page.close()


def test_without_stalls_the_queue_becomes_shorter(simulate):
    found = simulate()
    assert found["dropouts"] == 0 and found["sound"] == 0.5
    assert 2 <= found["last"] < found["first"]
    assert found["fill"] < found["first"]


def test_short_stalls_are_never_heard(simulate):
    assert simulate(every=45, stall=0.035)["dropouts"] == 0


def test_long_stalls_are_heard_only_until_the_queue_is_long_enough(simulate):
    found = simulate(every=20, stall=0.08)
    assert 0 < found["dropouts"] == found["halfway"] <= 5
    assert found["last"] > found["first"]
