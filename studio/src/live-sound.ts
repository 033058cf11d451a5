// A request heard while it is spoken: its audio as it comes, played at once and measured for the waveform that grows. Only one sounds at a
// time. It pays nothing and changes nothing: what breaks off here goes on at the server.
import { effect, signal } from '@preact/signals'
import { call } from './api.ts'
import { readWavHead } from './wav.ts'

const STORED = 'chatterbox-live'
export const PEAKS_PER_SECOND = 20
/** A sound that is to follow another must be asked for before its time. */
const LEAD_SECONDS = 0.1
/** No more than this is held in memory before it is heard. */
const MOST_AHEAD_SECONDS = 30

/** Whether new requests are to be heard at once. */
export const playsLive = signal(localStorage.getItem(STORED) !== 'off')
effect(() => localStorage.setItem(STORED, playsLive.value ? 'on' : 'off'))

let context: AudioContext | undefined
let sounding: LiveSound | undefined

/** To be called where a person has just clicked or typed: browsers let a page begin to sound at no other time. */
export function allowSound(): void {
  context?.resume().catch(() => {})
}

export function silenceLive(): void {
  sounding?.mute()
}

/** Requests that were to be heard live, and were whole before they could be. */
const missed = new Set<string>()
export const noteMissed = (requestId: string): void => {
  missed.add(requestId)
}

/** From where a finished take is to go on sounding, in seconds: where it is heard live, or its beginning. Asked once. */
export const takeOver = (requestId: string): number | undefined =>
  livePosition(requestId) ?? (missed.delete(requestId) ? 0 : undefined)

/** Where the request is that sounds now, in seconds; undefined: it does not. */
export const livePosition = (requestId: string): number | undefined =>
  sounding?.requestId === requestId ? sounding.position() : undefined

interface Scheduled {
  /** On the context's clock. */
  readonly at: number
  /** In the audio, in seconds. */
  readonly from: number
  readonly seconds: number
}

export class LiveSound {
  readonly requestId: string
  /** `broken`: the connection was lost before the end. */
  readonly state = signal<'opening' | 'coming' | 'whole' | 'broken'>('opening')
  /** Received so far. */
  readonly seconds = signal(0)
  readonly isHeard = signal(false)
  /** The loudest sample of each twentieth of a second, 0 to 1. */
  readonly peaks: number[] = []
  readonly #key: string
  readonly #onFirst: () => void
  #controller = new AbortController()
  #scheduled: Scheduled[] = []
  #sources: AudioBufferSourceNode[] = []
  #peakRest: { peak: number; samples: number } = { peak: 0, samples: 0 }

  /** `onFirst` runs with the first sound. */
  constructor(key: string, requestId: string, onFirst: () => void) {
    this.#key = key
    this.requestId = requestId
    this.#onFirst = onFirst
  }

  /** From the beginning; with sound from `fromSeconds` on. Resolves when it has ended, broken or not. */
  async open(isHeard: boolean, fromSeconds = 0): Promise<void> {
    this.close()
    const controller = new AbortController()
    this.#controller = controller
    this.peaks.length = 0
    this.#peakRest = { peak: 0, samples: 0 }
    this.seconds.value = 0
    this.state.value = 'opening'
    if (isHeard) this.#begin()
    try {
      const path = `v2/requests/${this.requestId}/audio?format=wav`
      const response = await call(path, this.#key, { signal: controller.signal })
      await this.#read(response, fromSeconds, controller.signal)
      this.state.value = 'whole'
    } catch {
      if (controller.signal.aborted) return
      this.state.value = 'broken'
    }
  }

  /** What is waiting is not heard any more; the waveform goes on. */
  mute(): void {
    for (const source of this.#sources) source.stop()
    this.#sources = []
    this.#scheduled = []
    this.isHeard.value = false
    if (sounding === this) sounding = undefined
  }

  close(): void {
    this.#controller.abort()
    this.mute()
  }

  /** Where it is heard, in seconds of the audio; undefined: it is not, or no longer. */
  position(): number | undefined {
    const now = context?.currentTime ?? 0
    const last = this.#scheduled.at(-1)
    if (!last || (this.state.value === 'whole' && now > last.at + last.seconds)) return undefined
    const current = this.#scheduled.findLast(({ at }) => at <= now)
    return current ? current.from + Math.min(current.seconds, now - current.at) : (this.#scheduled[0]?.from ?? 0)
  }

  #begin(): void {
    if (sounding !== this) sounding?.mute()
    sounding = this
    // The rate of our speech, so that blocks follow each other without being resampled one by one.
    context ??= new AudioContext({ sampleRate: 24_000 })
    allowSound()
    this.isHeard.value = true
  }

  async #read(response: Response, fromSeconds: number, signal: AbortSignal): Promise<void> {
    const reader = response.body?.getReader()
    if (!reader) throw new Error('The answer has no body.')
    let rest: Uint8Array<ArrayBufferLike> = new Uint8Array()
    let sampleRate: number | undefined
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      let bytes = joined(rest, value)
      if (sampleRate === undefined) {
        const head = readWavHead(bytes)
        rest = bytes
        if (!head) continue
        sampleRate = head.sampleRate
        bytes = bytes.subarray(head.dataAt)
        if (this.state.value === 'opening') this.#onFirst()
        this.state.value = 'coming'
      }
      const whole = bytes.length - (bytes.length % 2)
      rest = bytes.slice(whole)
      this.#take(toSamples(bytes.subarray(0, whole)), sampleRate, fromSeconds)
      while (this.#aheadSeconds() > MOST_AHEAD_SECONDS && !signal.aborted) await pause(500)
    }
  }

  #take(samples: Float32Array<ArrayBuffer>, sampleRate: number, fromSeconds: number): void {
    const from = this.seconds.value
    const seconds = samples.length / sampleRate
    this.#measure(samples, sampleRate / PEAKS_PER_SECOND)
    this.seconds.value = from + seconds
    if (!this.isHeard.value || !context || samples.length === 0) return
    const skipped = Math.min(samples.length, Math.max(0, Math.round((fromSeconds - from) * sampleRate)))
    if (skipped === samples.length) return
    const buffer = context.createBuffer(1, samples.length - skipped, sampleRate)
    buffer.copyToChannel(samples.subarray(skipped), 0)
    const source = new AudioBufferSourceNode(context, { buffer })
    source.connect(context.destination)
    const last = this.#scheduled.at(-1)
    const at = Math.max(last ? last.at + last.seconds : 0, context.currentTime + LEAD_SECONDS)
    source.start(at)
    source.onended = () => {
      this.#sources = this.#sources.filter((other) => other !== source)
    }
    this.#sources.push(source)
    this.#scheduled.push({ at, from: from + skipped / sampleRate, seconds: buffer.duration })
  }

  #aheadSeconds(): number {
    const last = this.#scheduled.at(-1)
    return last && context ? last.at + last.seconds - context.currentTime : 0
  }

  #measure(samples: Float32Array, samplesPerPeak: number): void {
    const rest = this.#peakRest
    for (const sample of samples) {
      rest.peak = Math.max(rest.peak, Math.abs(sample))
      if (++rest.samples < samplesPerPeak) continue
      this.peaks.push(rest.peak)
      rest.peak = 0
      rest.samples = 0
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

function toSamples(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Float32Array.from({ length: bytes.length / 2 }, (_, index) => view.getInt16(index * 2, true) / 32768)
}
