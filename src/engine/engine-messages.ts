// What the server process and the engine process say to each other; sent with structured clone ('advanced' serialization).
import { AppError, type ErrorCode } from '../errors.ts'
import type { AudioChunk, EngineInfo, Piece, ReferenceRecording, Voice } from './engine.ts'
import type { InstallableModel } from './installed-models.ts'

/** Handed to the engine process on its command line, as JSON. */
export type EngineStart =
  | { readonly model: 'preview' }
  | {
      readonly model: InstallableModel
      /** Of the compiled model. */
      readonly folder: string
      /** 0: one per processor, within reason. */
      readonly threads: number
    }

export type ToEngine =
  | { readonly kind: 'encode'; readonly call: number; readonly recording: ReferenceRecording }
  | { readonly kind: 'synthesize'; readonly call: number; readonly piece: Piece }
  /** The caller took a chunk: one more may be made. */
  | { readonly kind: 'pull'; readonly call: number }
  | { readonly kind: 'abort'; readonly call: number }
  | { readonly kind: 'ping' }

export type FromEngine =
  | { readonly kind: 'ready'; readonly info: EngineInfo }
  | { readonly kind: 'voice'; readonly call: number; readonly voice: Voice }
  | { readonly kind: 'chunk'; readonly call: number; readonly chunk: AudioChunk }
  | { readonly kind: 'done'; readonly call: number }
  | { readonly kind: 'failed'; readonly call: number; readonly failure: Failure }
  | { readonly kind: 'pong' }

/** An error as a plain value: class and extra fields do not survive structured clone. */
export type Failure =
  | {
      readonly kind: 'refusal'
      readonly code: ErrorCode
      readonly message: string
      readonly param: string | undefined
      readonly retryAfterSeconds: number | undefined
    }
  | { readonly kind: 'bug'; readonly message: string; readonly stack: string | undefined }

/** Chunks the engine may be ahead of the caller in one call: one being read, one being made. */
export const CHUNKS_AHEAD = 2

export function toFailure(error: unknown): Failure {
  if (error instanceof AppError) {
    const { code, message, param, retryAfterSeconds } = error
    return { kind: 'refusal', code, message, param, retryAfterSeconds }
  }
  if (error instanceof Error) return { kind: 'bug', message: error.message, stack: error.stack }
  return { kind: 'bug', message: String(error), stack: undefined }
}

export function fromFailure(failure: Failure): Error {
  if (failure.kind === 'bug') {
    const error = new Error(failure.message)
    if (failure.stack) error.stack = failure.stack
    return error
  }
  const { code, message, param, retryAfterSeconds } = failure
  return new AppError(code, message, {
    ...(param === undefined ? {} : { param }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  })
}
