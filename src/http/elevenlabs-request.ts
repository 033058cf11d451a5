// ElevenLabs' parameters → a request to synthesis, and the names of those that this server has not.
import {
  ELEVENLABS_MODELS,
  type ElevenLabsQuery,
  elevenLabsQuerySchema,
  elevenLabsSpeechSchema,
} from '../contract/elevenlabs.ts'
import { ELEVENLABS_FORMATS } from '../contract/elevenlabs-formats.ts'
import { validate } from '../contract/validate.ts'
import { AppError } from '../errors.ts'
import type { Database } from '../storage/postgres.ts'
import type { SpeechRequest } from '../synthesis/speech.ts'
import { findVoiceId } from './named-voice.ts'
import { toSpeechRequest } from './speech-request.ts'

type Values = Readonly<Record<string, unknown>>

interface Asked {
  readonly voice: string
  readonly query: Values
  readonly body: Values
  readonly idempotencyKey: string | undefined
  /** Part of what an idempotency key stands for: what is paid by the piece is another job. */
  readonly stream: boolean
}

export interface ElevenLabsRequest {
  readonly wanted: SpeechRequest
  readonly ignored: readonly string[]
}

/** Throws `missing_parameter`, `invalid_parameter`, `text_too_long`, `model_not_found`, or `not_found` for the voice. */
export async function readElevenLabsRequest(db: Database, accountId: string, asked: Asked): Promise<ElevenLabsRequest> {
  const { voice, stream, idempotencyKey } = asked
  const query = validate(elevenLabsQuerySchema, asked.query)
  // Clients send null for what they leave out.
  const given = withoutNulls(asked.body)
  const { text, model_id, voice_settings, ...sampling } = validate(elevenLabsSpeechSchema, given)
  requireElevenLabsModel(model_id)
  const { format, encoding } = ELEVENLABS_FORMATS[query.output_format]
  const retention = retentionOf(query)
  const wanted = toSpeechRequest(
    {
      body: Object.assign(sampling, {
        text,
        reference_audio: `voice:${await requireElevenLabsVoice(db, accountId, voice)}`,
        encoding: query.output_format,
        ...(stream ? { stream, latency: latencyOf(query) } : {}),
        ...(retention ? { retention } : {}),
      }),
      file: undefined,
      ignored: [],
    },
    format,
    idempotencyKey,
  )
  return {
    wanted: { ...wanted, encoding },
    ignored: [
      ...(!stream && query.optimize_streaming_latency !== undefined ? ['optimize_streaming_latency'] : []),
      ...unknownNames(asked.query, elevenLabsQuerySchema.shape),
      ...ignoredSettings(voice_settings),
      ...unknownNames(given, elevenLabsSpeechSchema.shape),
    ],
  }
}

const withoutNulls = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))

const unknownNames = (given: Values, known: object): string[] =>
  Object.keys(given).filter((name) => !Object.hasOwn(known, name))

/** Of a voice's settings there is only the speed, and that only as it is. */
export const ignoredSettings = (settings: Values = {}): string[] =>
  Object.entries(settings)
    .filter(([name, value]) => name !== 'speed' && value !== null)
    .map(([name]) => `voice_settings.${name}`)

const retentionOf = ({ enable_logging }: ElevenLabsQuery) =>
  enable_logging === 'false' ? ('none' as const) : undefined

/** Theirs has four degrees; each of them means sooner at some cost. */
const latencyOf = ({ optimize_streaming_latency: degree = '0' }: ElevenLabsQuery) =>
  degree === '0' ? ('normal' as const) : ('low' as const)

export function requireElevenLabsModel(model: string): void {
  if (ELEVENLABS_MODELS.some((name) => name === model)) return
  const message = `There is no model ${JSON.stringify(model.slice(0, 100))} here; use ${ELEVENLABS_MODELS.join(', ')}.`
  throw new AppError('model_not_found', message, { param: 'model_id' })
}

export async function requireElevenLabsVoice(db: Database, accountId: string, voice: string): Promise<string> {
  const id = await findVoiceId(db, accountId, voice)
  if (id !== undefined) return id
  const message = `There is no voice ${JSON.stringify(voice.slice(0, 100))}; GET /v1/voices lists those there are.`
  throw new AppError('not_found', message, { param: 'voice_id' })
}
