// What callers send over a WebSocket: our messages, and ElevenLabs'. docs/websocket.md describes them.
import { z } from 'zod'
import { elevenLabsSpeechSchema } from './elevenlabs.ts'
import { latency, OUTPUT_FORMATS, type OutputFormat, speechSchema } from './speech.ts'

/** The longest message; a reference recording is named by its voice or URL. */
export const MAX_MESSAGE_BYTES = 65_536

/** Why a connection was closed; beside 1000 (all is said) and 1009 (a message was too long). */
export const CLOSE_CODES = {
  stopping: 1001,
  unauthorized: 1008,
  failed: 1011,
  overloaded: 1013,
  invalid: 4400,
  idle: 4408,
} as const

const formats = Object.keys(OUTPUT_FORMATS) as [OutputFormat, ...OutputFormat[]]
const key = (name: string) =>
  z
    .string({ error: `${name} must be a string.` })
    .max(1000, `${name} is no key.`)
    .optional()
const typed = z
  .string({ error: 'text is required and must be a string.' })
  .refine((text) => !text.includes('\0'), 'text must not contain the character U+0000.')

const { reference_audio, temperature, top_p, top_k, min_p, repetition_penalty, seed, norm_loudness, retention } =
  speechSchema.shape

export const startMessageSchema = z.object({
  type: z.literal('start'),
  api_key: key('api_key'),
  voice: z.string({ error: 'voice must be the name or id of a voice.' }).max(200, 'voice is too long.').optional(),
  reference_audio: reference_audio.optional(),
  output_format: z.enum(formats, { error: `output_format must be one of ${formats.join(', ')}.` }).default('pcm'),
  audio: z.enum(['binary', 'base64'], { error: 'audio must be one of binary, base64.' }).default('binary'),
  cut: z.enum(['sentences', 'flush'], { error: 'cut must be one of sentences, flush.' }).default('sentences'),
  temperature,
  top_p,
  top_k,
  min_p,
  repetition_penalty,
  seed,
  norm_loudness,
  latency,
  retention,
})

export const messageSchema = z.discriminatedUnion(
  'type',
  [
    startMessageSchema,
    z.object({ type: z.literal('text'), text: typed }),
    z.object({ type: z.literal('flush') }),
    z.object({ type: z.literal('cancel') }),
    z.object({ type: z.literal('end') }),
  ],
  { error: 'type must be one of start, text, flush, cancel, end.' },
)

/** Theirs have no type: the first one opens, and an empty text ends. */
export const elevenLabsMessageSchema = z.object({
  text: typed,
  xi_api_key: key('xi_api_key'),
  voice_settings: elevenLabsSpeechSchema.shape.voice_settings.nullable(),
  flush: z.boolean({ error: 'flush must be true or false.' }).nullish(),
})

export type StartMessage = z.output<typeof startMessageSchema>
export type Message = z.output<typeof messageSchema>
export type ElevenLabsMessage = z.output<typeof elevenLabsMessageSchema>
