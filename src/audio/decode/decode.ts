// Untrusted bytes → a recording. Every file is opened in a thread of its own, which is ended, whatever it is doing, when it
// has had the processor time that a file may cost.
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { invariant } from '../../errors.ts'
import { readProcessCpuMs, readThreadCpuMs } from '../../processor-time.ts'
import { AudioInputError } from '../audio-input-error.ts'
import type { Recording } from '../recording.ts'
import type { RecordingCheck } from '../recording-check.ts'
import type { Container } from './container.ts'
import type { DecodeAnswer, DecodeTask, DecodeWish, ExcerptPlace, ThreadBegun } from './decode-thread.ts'
import { convertToWav } from './ffmpeg.ts'
import { Places } from './places.ts'
import { type Budget, type CpuClock, estimateCpu, type ProcessorBudget, startBudget } from './processor-budget.ts'

export interface DecodeLimits extends Budget {
  /** Longer recordings are refused. */
  readonly maxSeconds: number
}

type Answered = Exclude<DecodeAnswer, { kind: 'refusal' }>
type Decoded = Extract<Answered, { kind: 'recording' }>

// For JavaScript objects; samples and FFmpeg's heap lie outside and have caps of their own (recording.ts,
// decode-thread.ts).
const MAX_HEAP_MB = 128
// A thread may take 256 MiB for FFmpeg and 240 MB for samples: more of them at a time would only make each other slow.
const MAX_THREADS = 4

const threadFile = fileURLToPath(new URL('./decode-thread.js', import.meta.url))

const places = new Places(MAX_THREADS)
let threadsAtWork = 0

/**
 * Decodes WAV, MP3, FLAC, Ogg (Vorbis, Opus, FLAC) and WebM/Matroska, and by an installed FFmpeg MP4/M4A, AAC, AIFF,
 * AMR and WMA. `bytes` stay the caller's. Throws AudioInputError for anything wrong with them, AppError `unavailable`
 * where there is no processor to decode them with; on abort throws the signal's reason.
 */
export async function decodeAudio(bytes: Uint8Array, limits: DecodeLimits, signal: AbortSignal): Promise<Recording> {
  return (await decodeInThread(bytes, limits, 'recording', signal)).recording
}

/**
 * decodeAudio() and checkRecording(), the check in the same thread: it takes up to 200 ms, which would hold up
 * everybody else here.
 */
export async function decodeAndCheck(
  bytes: Uint8Array,
  limits: DecodeLimits,
  signal: AbortSignal,
): Promise<{ recording: Recording; check: RecordingCheck }> {
  const { recording, check } = await decodeInThread(bytes, limits, 'check', signal)
  invariant(check, 'the decode thread forgot the check')
  return { recording, check }
}

/** The excerpt of a recording that makes the best voice, at `sampleRate` Hz, as it was judged, and where in the recording it was. */
export async function decodeExcerpt(
  bytes: Uint8Array,
  limits: DecodeLimits & { readonly sampleRate: number },
  signal: AbortSignal,
): Promise<{ recording: Recording; check: RecordingCheck; place: ExcerptPlace }> {
  const wish = { excerptRate: limits.sampleRate }
  const { recording, check, place } = await decodeInThread(bytes, limits, wish, signal)
  invariant(check && place, 'the decode thread forgot the check')
  return { recording, check, place }
}

async function decodeInThread(
  bytes: Uint8Array,
  { maxSeconds, ...limits }: DecodeLimits,
  wish: DecodeWish,
  signal: AbortSignal,
): Promise<Decoded> {
  using _place = await places.take(signal)
  signal.throwIfAborted()
  using budget = startBudget(limits, signal)
  // Copied, because a thread takes its bytes over: the caller still needs them, and they may be a part of a larger
  // buffer.
  const answer = await askThread({ bytes: Uint8Array.from(bytes), maxSeconds, wish }, budget)
  if (answer.kind === 'recording') return answer
  const wav = await convert(bytes, answer.container, maxSeconds, budget)
  const converted = await askThread({ bytes: wav, maxSeconds, wish }, budget)
  invariant(converted.kind === 'recording', 'FFmpeg was asked for WAV and gave something else')
  return { ...converted, recording: { ...converted.recording, container: answer.container.name } }
}

async function convert(bytes: Uint8Array, container: Container, maxSeconds: number, budget: ProcessorBudget) {
  let ffmpeg: number | undefined
  using _charge = budget.charge(() => (ffmpeg === undefined ? undefined : readProcessCpuMs(ffmpeg)))
  const onStart = (pid: number) => {
    ffmpeg = pid
  }
  return await convertToWav(bytes, container, maxSeconds, budget.signal, { onStart })
}

async function askThread(task: DecodeTask, budget: ProcessorBudget): Promise<Answered> {
  const stop = budget.signal
  stop.throwIfAborted()
  const thread = new Worker(threadFile, {
    workerData: task,
    transferList: [task.bytes.buffer],
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    // libav.js logs what it thinks of broken files; neither of our streams is the place for it.
    stdout: true,
    stderr: true,
  })
  let clock: CpuClock = () => undefined
  threadsAtWork++
  using _charge = budget.charge(() => clock())
  try {
    const answer = await new Promise<DecodeAnswer>((resolve, reject) => {
      thread.on('message', (message: ThreadBegun | DecodeAnswer) => {
        if (message.kind !== 'begun') return resolve(message)
        const { name } = message
        clock = name === undefined ? estimateCpu(() => threadsAtWork) : () => readThreadCpuMs(name)
      })
      thread.once('error', reject)
      thread.once('exit', () => reject(new Error('The decode thread ended without an answer. This is a bug.')))
      stop.addEventListener('abort', () => reject(stop.reason), { once: true })
    })
    budget.settle()
    if (answer.kind === 'refusal') throw new AudioInputError(answer.reason, answer.message)
    return answer
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY')) throw error
    throw new AudioInputError('corrupt', 'The recording is damaged and cannot be decoded.', { cause: error })
  } finally {
    threadsAtWork--
    await thread.terminate()
  }
}
