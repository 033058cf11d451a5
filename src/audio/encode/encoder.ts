// The one way to encoded audio: a streaming encoder by format, or a whole file.
import { setImmediate } from 'node:timers/promises'
import type { AudioFormat } from '../formats.ts'
import { concatBytes } from '../pcm.ts'
import type { AudioEncoder } from './audio-encoder.ts'
import { FlacEncoder } from './flac.ts'
import { Mp3Encoder } from './mp3.ts'
import { OpusEncoder } from './opus.ts'
import { PcmEncoder } from './pcm.ts'
import { WavEncoder } from './wav.ts'

const ENCODERS: Readonly<Record<AudioFormat, (sampleRate: number) => AudioEncoder | Promise<AudioEncoder>>> = {
  wav: (sampleRate) => new WavEncoder(sampleRate),
  mp3: (sampleRate) => Mp3Encoder.create(sampleRate),
  ogg: (sampleRate) => new OpusEncoder(sampleRate),
  flac: (sampleRate) => FlacEncoder.create(sampleRate),
  pcm: () => new PcmEncoder(),
}

/**
 * An encoder of mono samples at `sampleRate` Hz (24,000 works in every format). The same samples give the same bytes,
 * however they are cut. The caller disposes of it, finished or not.
 */
export async function createEncoder(format: AudioFormat, sampleRate: number): Promise<AudioEncoder> {
  return ENCODERS[format](sampleRate)
}

/** A whole file: as createEncoder() would stream it, but its head states sizes and checksums instead of `unknown`. */
export async function encodeAudio(
  samples: Float32Array,
  sampleRate: number,
  format: AudioFormat,
): Promise<Uint8Array<ArrayBuffer>> {
  using encoder = await createEncoder(format, sampleRate)
  const blocks: Uint8Array[] = []
  for (let at = 0; at < samples.length; at += sampleRate) {
    blocks.push(await encoder.encode(samples.subarray(at, at + sampleRate)))
    // A second of MP3 takes 7 ms of this thread: let others in between, or a long file would hold them all up.
    await setImmediate()
  }
  const file = concatBytes([...blocks, await encoder.finish()])
  const head = encoder.finalHead?.()
  if (head) file.set(head)
  return file
}
