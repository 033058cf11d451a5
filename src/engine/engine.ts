// What every engine can do: turn a reference recording into a voice, and a piece of text into samples in that voice.
// An engine knows no accounts, HTTP, SQL or files of ours; it lives in a child process (engine-process.ts) and is spoken to by messages.

export type ModelName = 'turbo' | 'nano' | 'preview'

export interface EngineInfo {
  readonly model: ModelName
  /** Changes whenever the same input would give other samples or other voices; part of every cache key. */
  readonly version: string
  readonly sampleRate: number
  /** Pieces that it speaks faster together than one after another; 1 where company gains nothing or changes what is said. */
  readonly slots: number
}

/** Sampling parameters of the speech-token language model, in the contract's ranges. */
export interface Sampling {
  readonly temperature: number
  readonly topP: number
  readonly topK: number
  readonly minP: number
  readonly repetitionPenalty: number
}

export interface VoiceTensor {
  readonly dtype: 'F32' | 'I64'
  readonly shape: readonly number[]
  readonly data: Float32Array | BigInt64Array
}

/** An encoded reference recording as a plain value: stored as safetensors, cached by content, sent between processes. */
export interface Voice {
  readonly model: ModelName
  readonly version: string
  readonly tensors: Readonly<Record<string, VoiceTensor>>
  readonly metadata: Readonly<Record<string, string>>
}

export interface ReferenceRecording {
  /** Mono, full scale ±1. */
  readonly samples: Float32Array
  readonly sampleRate: number
  /** Bring the recording to the model's standard loudness first. */
  readonly normLoudness: boolean
}

export interface Piece {
  /** One piece of text as cut by text/pieces.ts; sound tags such as `[laugh]` are still in it. */
  readonly text: string
  /** Position in the whole text: randomness is a function of (seed, index), so a piece sounds the same alone or in company. */
  readonly index: number
  readonly voice: Voice
  readonly sampling: Sampling
  /** Unsigned 32-bit, never 0: the caller has already replaced 0 by a random one. */
  readonly seed: number
  /**
   * `low`: the first chunk comes while the rest is still being made. The words, the voice and the length are those of the whole piece, the
   * samples are not; and what is out is not tried again when it turns out too short or a loop. The preview always speaks so.
   */
  readonly latency?: 'low' | undefined
}

/** A guard that changed the outcome, e.g. `token-cap`, `too-short-retry`, `trailing-silence-trimmed`; reported to the caller. */
export type GuardFired = string

export interface AudioChunk {
  /** Mono at `info.sampleRate`, full scale ±1. Collected chunks of a piece are the whole piece. */
  readonly samples: Float32Array
  readonly guards: readonly GuardFired[]
}

export interface Engine extends AsyncDisposable {
  /** Known after the engine has started once; starts it if need be. */
  info(): Promise<EngineInfo>
  /** Throws `AppError('invalid_reference_audio')` when no speech can be found in the recording. */
  encodeVoice(recording: ReferenceRecording, signal: AbortSignal): Promise<Voice>
  /** Same piece, same samples. Stops within one step of an abort. */
  synthesize(piece: Piece, signal: AbortSignal): AsyncIterable<AudioChunk>
}
