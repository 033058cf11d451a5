// The one way to encoded audio: a streaming encoder by format, or a whole file.
import { invariant } from '../../errors.ts'
import type { AudioFormat } from '../formats.ts'
import { concatBytes } from '../pcm.ts'
import type { AudioEncoder } from './audio-encoder.ts'
import { PcmEncoder } from './pcm.ts'
import { WavEncoder } from './wav.ts'

/** An encoder of mono samples at `sampleRate` Hz. The same samples give the same bytes, however they are cut. The caller disposes of it. */
export async function createEncoder(format: AudioFormat, sampleRate: number): Promise<AudioEncoder> {
  if (format === 'wav') return new WavEncoder(sampleRate)
  if (format === 'pcm') return new PcmEncoder()
  invariant(false, `no encoder for ${format}`)
}

/** A whole file: as createEncoder() would stream it, but its head states sizes and checksums instead of `unknown`. */
export async function encodeAudio(
  samples: Float32Array,
  sampleRate: number,
  format: AudioFormat,
): Promise<Uint8Array<ArrayBuffer>> {
  using encoder = await createEncoder(format, sampleRate)
  const file = concatBytes([await encoder.encode(samples), await encoder.finish()])
  const head = encoder.finalHead?.()
  if (head) file.set(head)
  return file
}
