// The live part of the worker: hops from the audio thread in, denoised hops back, figures aside.
import { Blend } from "./denoiser.js";
import { joined } from "./samples.js";

const MOST_HOPS = 10; // in one run, to catch up after a stall
const LONGEST_QUEUE = 100; // hops; older ones are dropped: the computer is too slow
const REPORT_HOPS = 10;

/**
 * Serve `port`. `report` gets figures and sound every REPORT_HOPS hops.
 * Returns a function that sets { strength, gainDb, bypass }.
 */
export function serveLive(engine, port, controls, report) {
  const { hop, lookahead, sampleRate } = engine.card;
  const blend = new Blend(sampleRate);
  const queue = [];
  let settings = controls;
  let delayed = new Float32Array(lookahead); // the dry sound, as late as the denoised
  let busy = false;
  let dropped = 0;
  let sum = newSum();
  engine.reset();

  port.onmessage = ({ data }) => {
    queue.push(data.hop);
    if (queue.length > LONGEST_QUEUE) dropped += queue.splice(0, queue.length - MOST_HOPS).length;
    run();
  };
  return (given) => (settings = given);

  async function run() {
    if (busy) return;
    busy = true;
    try {
      while (queue.length) await step(queue.splice(0, MOST_HOPS));
    } catch (error) {
      report({ live: { error: String(error?.message ?? error) } });
    }
    busy = false;
  }

  async function step(hops) {
    const started = performance.now();
    const block = joined(hops);
    const wet = await engine.step(block);
    const history = joined([delayed, block]);
    const dry = history.slice(0, block.length);
    delayed = history.slice(block.length);
    const out = blend.apply(wet, dry, settings);
    const milliseconds = (performance.now() - started) / hops.length;
    sum.dry.push(dry);
    sum.wet.push(wet.slice());
    sum.out.push(out.slice());
    port.postMessage(out, [out.buffer]);
    hops.forEach(() => sum.times.push(milliseconds));
    if (sum.times.length >= REPORT_HOPS) send();
  }

  function send() {
    const [dry, wet, out] = [sum.dry, sum.wet, sum.out].map(joined);
    report({ live: { dry, wet, out, times: sum.times, dropped, hop } }, [dry.buffer, wet.buffer, out.buffer]);
    sum = newSum();
  }
}

function newSum() {
  return { dry: [], wet: [], out: [], times: [] };
}
