// What passes as the recording of a voice, what is refused, and for what reason.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatSamples } from '../../src/audio/pcm.ts'
import { checkRecording, type RecordingProblemKind } from '../../src/audio/recording-check.ts'
import {
  chirp,
  harmonicTone,
  mix,
  pinkNoise,
  rms,
  type Signal,
  scaledToRms,
  seededRandom,
  silence,
  sine,
  speechLike,
  whiteNoise,
} from '../harness/signals.ts'

const RATE = 24_000

const kinds = (problems: readonly { readonly kind: RecordingProblemKind }[]) => problems.map(({ kind }) => kind)
const check = (samples: Signal, sampleRate = RATE) => checkRecording(samples, sampleRate)
const amplified = (samples: Signal, decibels: number) => samples.map((value) => value * 10 ** (decibels / 20))
const overdriven = (samples: Signal, decibels: number) =>
  amplified(samples, decibels).map((value) => Math.max(-1, Math.min(1, value)))
const withNoise = (speech: Signal, noise: Signal, decibels: number) =>
  mix(speech, scaledToRms(noise, rms(speech) * 10 ** (-decibels / 20)))
/** On for a third of a second, off for as long. */
const keyed = (samples: Signal) => samples.map((value, i) => value * (Math.floor((3 * i) / RATE) % 2))

function clicks(perSecond: number, seconds = 8): Signal {
  const train = silence(seconds, RATE)
  for (let i = 0; i < train.length; i += Math.round(RATE / perSecond)) train[i] = 0.9
  return train
}

function randomClicks(perSecond: number): Signal {
  const random = seededRandom(perSecond)
  const train = silence(8, RATE)
  for (let i = 0; i < 8 * perSecond; i++) train[Math.floor(random() * train.length)] = 2 * random() - 1
  return train
}

function brownNoise(): Signal {
  let level = 0
  return scaledToRms(
    whiteNoise(8, RATE).map((value) => {
      level = 0.998 * level + value
      return level
    }),
    0.1,
  )
}

for (const [what, speech, sampleRate] of [
  ['a low voice', speechLike(8, RATE, { pitchHz: 85 }), RATE],
  ['a middle voice', speechLike(8, RATE, { pitchHz: 150 }), RATE],
  ['a high voice', speechLike(8, RATE, { pitchHz: 300, tract: 1.2 }), RATE],
  ['a monotonous voice', speechLike(8, RATE, { lively: 0 }), RATE],
  ['a voice at telephone quality', speechLike(8, 8_000), 8_000],
  ['a voice at 48 kHz', speechLike(8, 48_000), 48_000],
  ['a quiet voice', amplified(speechLike(8, RATE), -30), RATE],
  ['a voice after four seconds of silence', concatSamples([silence(4, RATE), speechLike(8, RATE)]), RATE],
  ['a voice on a constant voltage', mix(amplified(speechLike(8, RATE), -6), silence(8, RATE).fill(0.3)), RATE],
  ['a voice in white noise, 20 dB down', withNoise(speechLike(8, RATE), whiteNoise(8, RATE), 20), RATE],
  ['just more than five seconds', speechLike(5.01, RATE), RATE],
] as const) {
  test(`${what} passes`, () => assert.deepEqual(check(speech, sampleRate).problems, []))
}

for (const [what, noise] of [
  ['white noise', whiteNoise(8, RATE)],
  ['pink noise', pinkNoise(8, RATE)],
  ['hum', harmonicTone(50, 8, RATE, { partials: 6 })],
] as const) {
  test(`a voice with ${what} only 4 dB down passes, with a warning`, () => {
    const { problems, warnings } = check(withNoise(speechLike(8, RATE), noise, 4))
    assert.deepEqual(problems, [])
    assert.deepEqual(kinds(warnings), ['noisy'])
  })
}

const NO_SPEECH: Readonly<Record<string, Signal>> = {
  'white noise': whiteNoise(8, RATE),
  'pink noise': pinkNoise(8, RATE),
  'brown noise': brownNoise(),
  'noise that comes and goes': keyed(whiteNoise(8, RATE)),
  'a hum of 50 Hz': harmonicTone(50, 8, RATE, { partials: 8 }),
  'a hum of 60 Hz': harmonicTone(60, 8, RATE, { partials: 8 }),
  'a hum in noise': mix(harmonicTone(60, 8, RATE, { partials: 8 }), brownNoise()),
  'a sine of 120 Hz': sine(120, 8, RATE),
  'a sine of 440 Hz': sine(440, 8, RATE),
  'a sine of 3 kHz': sine(3_000, 8, RATE),
  beeps: keyed(sine(1_000, 8, RATE)),
  'a steady buzz': harmonicTone(150, 8, RATE, { partials: 40 }),
  'a square wave': sine(150, 8, RATE)
    .map(Math.sign)
    .map((value) => value / 2),
  'a siren': chirp(80, 400, 8, RATE),
  'two clicks a second': clicks(2),
  'fifty clicks a second': clicks(50),
  'a hundred clicks a second': clicks(100),
  'random clicks': randomClicks(5),
  crackle: randomClicks(500),
  'noise on a constant voltage': whiteNoise(8, RATE, { rms: 0.01 }).map((value) => value + 0.5),
  'speech that only begins after 20 seconds of noise': concatSamples([whiteNoise(20, RATE), speechLike(8, RATE)]),
}

for (const [what, samples] of Object.entries(NO_SPEECH)) {
  test(`${what} is refused as no speech`, () => assert.deepEqual(kinds(check(samples).problems), ['no_speech']))
}

test('silence, with or without a constant voltage, is refused as silent', () => {
  for (const level of [0, 0.5, 1e-5]) {
    assert.deepEqual(kinds(check(silence(8, RATE).fill(level)).problems), ['silent'])
  }
})

test('a voice 50 dB down is refused as too quiet, and noise so faint too', () => {
  assert.deepEqual(kinds(check(amplified(speechLike(8, RATE), -50)).problems), ['too_quiet'])
  assert.deepEqual(kinds(check(whiteNoise(8, RATE, { rms: 2e-4 })).problems), ['too_quiet'])
})

test('five seconds exactly are refused as too short, with the length', () => {
  const { problems, seconds } = check(speechLike(5, RATE))
  assert.equal(seconds, 5)
  assert.deepEqual(kinds(problems), ['too_short'])
  assert.match(problems[0]?.advice ?? '', /5\.0 seconds long and must be longer than 5\.0/)
})

test('nothing at all is short and silent', () => {
  assert.deepEqual(kinds(check(new Float32Array()).problems), ['too_short', 'silent'])
})

test('a heavily overdriven voice is refused as clipped, also when it was turned down afterwards', () => {
  const clipped = overdriven(speechLike(8, RATE), 30)
  assert.deepEqual(kinds(check(clipped).problems), ['clipped'])
  assert.deepEqual(kinds(check(amplified(clipped, -12)).problems), ['clipped'])
})

test('a slightly overdriven voice passes with a warning', () => {
  const { problems, warnings, clippedRatio } = check(overdriven(speechLike(8, RATE), 9))
  assert.deepEqual(problems, [])
  assert.deepEqual(kinds(warnings), ['clipped'])
  assert.ok(clippedRatio > 0.001 && clippedRatio < 0.08, `${clippedRatio}`)
})

test('the facts of a recording are right', () => {
  const facts = check(mix(speechLike(9, RATE, { peak: 0.6 }), silence(9, RATE).fill(0.1)))
  assert.equal(facts.seconds, 9)
  assert.ok(Math.abs(facts.peak - 0.6) < 0.01, `peak ${facts.peak}`)
  assert.ok(facts.loudnessLufs < -20 && facts.loudnessLufs > -30, `${facts.loudnessLufs} LUFS`)
  assert.ok(facts.voicedRatio > 0.4 && facts.voicedRatio < 0.8, `voiced ${facts.voicedRatio}`)
  assert.equal(facts.clippedRatio < 1e-3, true)
})
