// Worker thread entry: takes one untrusted file, says that it has begun, answers once, and ends.
import { parentPort, workerData } from 'node:worker_threads'
import { invariant } from '../../errors.ts'
import { nameThisThread } from '../../processor-time.ts'
import { AudioInputError, type AudioInputReason } from '../audio-input-error.ts'
import { chooseExcerpt } from '../excerpt.ts'
import { checkRecording, type RecordingCheck } from '../recording-check.ts'
import { resample } from '../resample.ts'
import { type DecodedFile, decodeFile } from './decode-file.ts'

/** What is wanted of a recording: as it is; judged as the model of a voice as well; the excerpt of it that makes the best voice. */
export type DecodeWish = 'recording' | 'check' | { readonly excerptRate: number }

/** Which part of the recording an excerpt is; seconds. */
export interface ExcerptPlace {
  readonly startSeconds: number
  readonly sentSeconds: number
}

export interface DecodeTask {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly maxSeconds: number
  readonly wish: DecodeWish
}

/** Sent first: by this name its processor time can be asked for; undefined where the system does not tell. */
export interface ThreadBegun {
  readonly kind: 'begun'
  readonly name: string | undefined
}

export type DecodeAnswer =
  | (DecodedFile & { readonly check?: RecordingCheck; readonly place?: ExcerptPlace })
  | { readonly kind: 'refusal'; readonly reason: AudioInputReason; readonly message: string }

// FFmpeg's heap starts at 32 MiB and holds a packet, a frame and the codec's tables. Without a cap a lying header could
// let it grow to 2 GiB.
const MAX_WASM_BYTES = 256 * 2 ** 20
const WASM_PAGE_BYTES = 65_536

declare const WebAssembly: { Memory: { prototype: { buffer: ArrayBuffer; grow(pages: number): number } } }

/** FFmpeg sees a failed allocation, which it handles. */
function capWebAssemblyMemory(): void {
  const { prototype } = WebAssembly.Memory
  const { grow } = prototype
  prototype.grow = function (pages) {
    if (this.buffer.byteLength + pages * WASM_PAGE_BYTES > MAX_WASM_BYTES) {
      throw new RangeError('WebAssembly memory is capped')
    }
    return grow.call(this, pages)
  }
}

invariant(parentPort, 'the decode thread was not started as a thread')
capWebAssemblyMemory()
parentPort.postMessage({ kind: 'begun', name: nameThisThread() } satisfies ThreadBegun)
const answer = await answerTo(workerData)
// Lives until it is ended, so that its processor time can still be asked for.
parentPort.on('message', () => {})
parentPort.postMessage(answer, answer.kind === 'recording' ? [answer.recording.samples.buffer] : [])

async function answerTo({ bytes, maxSeconds, wish }: DecodeTask): Promise<DecodeAnswer> {
  try {
    const file = await decodeFile(bytes, maxSeconds)
    if (file.kind !== 'recording' || wish === 'recording') return file
    const { samples, sampleRate, container } = file.recording
    if (wish === 'check') return { ...file, check: checkRecording(samples, sampleRate) }
    const { start, end, check } = chooseExcerpt(samples, sampleRate)
    const excerpt = resample(samples.subarray(start, end), sampleRate, wish.excerptRate)
    const place = { startSeconds: start / sampleRate, sentSeconds: samples.length / sampleRate }
    return { kind: 'recording', recording: { samples: excerpt, sampleRate: wish.excerptRate, container }, check, place }
  } catch (error) {
    if (error instanceof AudioInputError) return { kind: 'refusal', reason: error.reason, message: error.message }
    throw error
  }
}
