// Worker thread entry: takes one untrusted file, answers once, and ends.
import { parentPort, workerData } from 'node:worker_threads'
import { invariant } from '../../errors.ts'
import { AudioInputError, type AudioInputReason } from '../audio-input-error.ts'
import { checkRecording, type RecordingCheck } from '../recording-check.ts'
import { type DecodedFile, decodeFile } from './decode-file.ts'

export interface DecodeTask {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly maxSeconds: number
  /** Also judge the recording as the model of a voice. */
  readonly check: boolean
}

export type DecodeAnswer =
  | (DecodedFile & { readonly check?: RecordingCheck })
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
const answer = await answerTo(workerData)
parentPort.postMessage(answer, answer.kind === 'recording' ? [answer.recording.samples.buffer] : [])

async function answerTo({ bytes, maxSeconds, check }: DecodeTask): Promise<DecodeAnswer> {
  try {
    const file = await decodeFile(bytes, maxSeconds)
    if (file.kind !== 'recording' || !check) return file
    return { ...file, check: checkRecording(file.recording.samples, file.recording.sampleRate) }
  } catch (error) {
    if (error instanceof AudioInputError) return { kind: 'refusal', reason: error.reason, message: error.message }
    throw error
  }
}
