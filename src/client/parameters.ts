// What the calls take: the contract's words and types, and a recording as bytes wherever a reference is named.
import type { z } from 'zod'
import type { asyncSpeechSchema, OUTPUT_FORMATS, OutputFormat, syncSpeechSchema } from '../contract/speech.ts'
import type { usageQuerySchema } from '../contract/usage.ts'
import type { newVoiceSchema, voiceChangesSchema } from '../contract/voices.ts'
import type { CallOptions } from './connection.ts'

type WithFile<T> = Omit<T, 'reference_audio'> & {
  /** The recording itself, or what names it: an `https:` URL, a `data:` URI, the URL of an upload, `voice:<id>`. */
  readonly reference_audio?: string | Blob | Uint8Array<ArrayBuffer> | undefined
}

type SyncSpeech = z.input<typeof syncSpeechSchema>
export type SpeechParameters = WithFile<Omit<SyncSpeech, 'stream' | 'stream_format' | 'latency'>>
export type StreamParameters = WithFile<Omit<SyncSpeech, 'stream' | 'stream_format'>>
export type AsyncSpeechParameters = WithFile<z.input<typeof asyncSpeechSchema>>
export type NewVoice = WithFile<z.input<typeof newVoiceSchema>>
export type VoiceChanges = z.input<typeof voiceChangesSchema>
export type UsageQuery = z.input<typeof usageQuerySchema>

export interface SpeechOptions extends CallOptions {
  /** Same key, same parameters: the same result and one charge. Default: a random one for each call. */
  readonly idempotencyKey?: string | undefined
}

/** As the server answers them; the compiler compares. */
export const MEDIA_TYPES: { readonly [Format in OutputFormat]: (typeof OUTPUT_FORMATS)[Format][0] } = {
  wav: 'audio/wav',
  mp3: 'audio/mpeg',
  ogg: 'audio/ogg',
  flac: 'audio/flac',
  pcm: 'audio/pcm',
}

/** The body of a request and the headers that go with it: a form where there is a file, JSON everywhere else. */
export function bodyOf(parameters: Readonly<Record<string, unknown>>): {
  readonly body: string | FormData
  readonly headers: Readonly<Record<string, string>>
} {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined)
  if (!given.some(([, value]) => isFile(value))) {
    return { body: JSON.stringify(Object.fromEntries(given)), headers: { 'content-type': 'application/json' } }
  }
  const form = new FormData()
  for (const [name, value] of given) form.append(name, isFile(value) ? blobOf(value) : String(value))
  return { body: form, headers: {} } // with its boundary, which fetch knows
}

const isFile = (value: unknown): value is Blob | Uint8Array<ArrayBuffer> =>
  value instanceof Blob || value instanceof Uint8Array

export const blobOf = (file: Blob | Uint8Array<ArrayBuffer>): Blob => (file instanceof Blob ? file : new Blob([file]))

/** 128 random bits. Not crypto.randomUUID(): browsers have it on secure pages alone. */
export const randomKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
