import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { makeBuiltInVoices } from '../../../bench/built-in-voices.ts'
import { decodeAndCheck } from '../../../src/audio/decode/decode.ts'
import { pitchStatistics, trackPitch } from '../../../src/audio/pitch.ts'
import { averageSpectrum, spectralDistance } from '../../../src/audio/spectrum.ts'
import { BUILT_IN_VOICES, BUILT_IN_VOICES_FOLDER } from '../../../src/synthesis/built-in-voices.ts'

const never = new AbortController().signal

test('the recordings of the built-in voices are what their script makes, byte for byte, and there are no others', async () => {
  const made = await makeBuiltInVoices()
  assert.deepEqual(readdirSync(BUILT_IN_VOICES_FOLDER).sort(), [...made.keys()].map((id) => `${id}.flac`).sort())
  for (const [id, bytes] of made) {
    const file = readFileSync(`${BUILT_IN_VOICES_FOLDER}/${id}.flac`)
    assert.ok(file.equals(bytes), `${id}: if a change was meant, run node build/bench/built-in-voices.js`)
    assert.ok(file.length < 300_000, `${id} has ${file.length} bytes`)
  }
})

test('every built-in voice is a good recording, as long as is said, and like no other', async () => {
  const voices = []
  for (const { id, file, seconds } of BUILT_IN_VOICES) {
    if (!file) continue
    const limits = { maxSeconds: 60, cpuMs: 120_000 }
    const { recording, check } = await decodeAndCheck(readFileSync(file), limits, never)
    assert.deepEqual([check.problems, check.warnings], [[], []], id)
    assert.ok(check.seconds > 8 && check.seconds < 11, id)
    assert.equal(seconds, Math.round(check.seconds * 100) / 100, id)
    const pitch = pitchStatistics(trackPitch(recording.samples, recording.sampleRate))
    assert.ok(pitch, id)
    voices.push({ id, pitchHz: pitch.medianHz, spectrum: averageSpectrum(recording.samples, recording.sampleRate) })
  }
  assert.ok(voices.length >= 5)
  for (const [i, a] of voices.entries()) {
    for (const b of voices.slice(0, i)) {
      const semitones = Math.abs(12 * Math.log2(a.pitchHz / b.pitchHz))
      const colourDb = spectralDistance(a.spectrum, b.spectrum)
      assert.ok(semitones > 1 && colourDb > 4, `${a.id} and ${b.id}: ${semitones} semitones, ${colourDb} dB`)
    }
  }
})
