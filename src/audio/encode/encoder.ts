// The one way to encoded audio: a streaming encoder by format, or a whole file.
import { setImmediate } from 'node:timers/promises'
import type { AudioFormat, Encoding } from '../formats.ts'
import { concatBytes } from '../pcm.ts'
import type { AudioEncoder } from './audio-encoder.ts'
import { FlacEncoder } from './flac.ts'
import { CompandingEncoder } from './g711.ts'
import { Mp3Encoder } from './mp3.ts'
import { OpusEncoder } from './opus.ts'
import { PcmEncoder } from './pcm.ts'
import { ResamplingEncoder } from './resampling.ts'
import type { AudioTags } from './tags.ts'
import { WavEncoder } from './wav.ts'

type Create = (
  sampleRate: number,
  tags: AudioTags | undefined,
  encoding: Encoding,
) => AudioEncoder | Promise<AudioEncoder>

const ENCODERS: Readonly<Record<AudioFormat, Create>> = {
  wav: (sampleRate, tags) => new WavEncoder(sampleRate, tags),
  mp3: (sampleRate, tags, { kilobitsPerSecond }) => Mp3Encoder.create(sampleRate, tags, kilobitsPerSecond),
  ogg: (sampleRate, tags, { kilobitsPerSecond }) => new OpusEncoder(sampleRate, tags, kilobitsPerSecond),
  flac: (sampleRate, tags) => FlacEncoder.create(sampleRate, tags),
  pcm: (_sampleRate, _tags, { companding }) => (companding ? new CompandingEncoder(companding) : new PcmEncoder()),
}

/**
 * An encoder of mono samples at `sampleRate` Hz (24,000 works in every format); the file has the rate of `encoding`, where it names one. The same samples give the same bytes,
 * however they are cut. `tags` go into the file's own metadata; bare PCM has none. The caller disposes of it, finished
 * or not.
 */
export async function createEncoder(
  format: AudioFormat,
  sampleRate: number,
  tags?: AudioTags,
  encoding: Encoding = {},
): Promise<AudioEncoder> {
  const fileRate = encoding.sampleRate ?? sampleRate
  const encoder = await ENCODERS[format](fileRate, tags, encoding)
  return fileRate === sampleRate ? encoder : new ResamplingEncoder(encoder, sampleRate, fileRate)
}

/**
 * The file of `pieces` while they come: joined, the bytes of encodeAudio() but for a head that says `unknown` where only the end could tell.
 * Nothing is encoded before it is asked for. What `pieces` throws is thrown, and the file stays without its end. Returns that head as it is now
 * known, for whoever can still put it in its place.
 */
export async function* encodeStream(
  pieces: AsyncIterable<Float32Array>,
  sampleRate: number,
  format: AudioFormat,
  tags?: AudioTags,
  encoding?: Encoding,
): AsyncGenerator<Uint8Array, Uint8Array | undefined, void> {
  using encoder = await createEncoder(format, sampleRate, tags, encoding)
  for await (const samples of pieces) {
    for (let at = 0; at < samples.length; at += sampleRate) {
      const bytes = await encoder.encode(samples.subarray(at, at + sampleRate))
      if (bytes.length > 0) yield bytes
      await setImmediate()
    }
  }
  const rest = await encoder.finish()
  if (rest.length > 0) yield rest
  return encoder.finalHead?.()
}

/** A whole file: as createEncoder() would stream it, but its head states sizes and checksums instead of `unknown`. */
export async function encodeAudio(
  samples: Float32Array,
  sampleRate: number,
  format: AudioFormat,
  tags?: AudioTags,
  encoding?: Encoding,
): Promise<Uint8Array<ArrayBuffer>> {
  using encoder = await createEncoder(format, sampleRate, tags, encoding)
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
