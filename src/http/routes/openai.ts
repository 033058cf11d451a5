// OpenAI's speech API: their names for what the other routes have.
import {
  OPENAI_FORMATS,
  OPENAI_MODELS,
  OPENAI_VOICES,
  type OpenAIModelBody,
  type OpenAIModelListBody,
  type OpenAISpeechBody,
  type OpenAIVoiceListBody,
  openAISpeechSchema,
} from '../../contract/openai.ts'
import { AppError, invariant } from '../../errors.ts'
import type { Database } from '../../storage/postgres.ts'
import { listVoices } from '../../storage/stored-voices.ts'
import { BUILT_IN_VOICES, DEFAULT_VOICE_ID, findBuiltInVoice } from '../../synthesis/built-in-voices.ts'
import type { JsonBody } from '../body.ts'
import { readIdempotencyKey } from '../idempotency.ts'
import { openAIErrorBody } from '../openai-error.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'
import { toSpeechRequest } from '../speech-request.ts'
import { answerStream } from '../stream-answer.ts'
import { validate } from '../validate.ts'

/** More than anybody chooses from; an account has a limit of its own. */
const MAX_LISTED = 1000
/** When the model was published; their clients sort by it. */
const CREATED = 1_765_756_800

export function speakOpenAI(services: Services): Handler {
  const { db } = services
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'speaking needs a caller')
    const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key'])
    const parameters = (request.body as JsonBody).value
    const { body, ignored } = readBody(parameters)
    requireModel(body.model)
    const { input, voice, response_format, stream_format, instructions, speed: _, model: __, ...sampling } = body
    const wanted = toSpeechRequest(
      {
        // `stream`: part of what an idempotency key stands for.
        body: Object.assign(sampling, {
          text: input,
          reference_audio: `voice:${await findVoiceId(db, caller.accountId, voice)}`,
          stream: true,
        }),
        file: undefined,
        ignored,
      },
      OPENAI_FORMATS[response_format],
      idempotencyKey,
    )
    return answerStream(services, request, reply, wanted, {
      asEvents: stream_format === 'sse',
      ignored: instructions ? ['instructions', ...ignored] : ignored,
      describeError: openAIErrorBody,
    })
  }
}

function readBody(parameters: Readonly<Record<string, unknown>>): { body: OpenAISpeechBody; ignored: string[] } {
  // Clients send null for what they leave out.
  const given = Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== null))
  return {
    body: validate(openAISpeechSchema, given),
    ignored: Object.keys(given).filter((name) => !Object.hasOwn(openAISpeechSchema.shape, name)),
  }
}

function requireModel(model: string): void {
  if (OPENAI_MODELS.some((name) => name === model)) return
  const message = `There is no model ${JSON.stringify(model.slice(0, 100))} here; use ${OPENAI_MODELS.join(', ')}.`
  throw new AppError('model_not_found', message, { param: 'model' })
}

/** By id, else by name, their own names last; case counts only where two voices differ in nothing else. */
async function findVoiceId(db: Database, accountId: string, voice: OpenAISpeechBody['voice']): Promise<string> {
  const wanted = (typeof voice === 'object' ? voice.id : (voice ?? '')).trim().replace(/^voice:/i, '')
  if (wanted === '') return DEFAULT_VOICE_ID
  const lower = wanted.toLowerCase()
  if (findBuiltInVoice(lower)) return lower
  const own = await listVoices(db, accountId, { limit: MAX_LISTED })
  const found =
    own.find(({ id }) => id === lower) ??
    own.find(({ name }) => name === wanted) ??
    own.find(({ name }) => name.toLowerCase() === lower)
  const id = found?.id ?? (Object.hasOwn(OPENAI_VOICES, lower) ? OPENAI_VOICES[lower] : undefined)
  if (id !== undefined) return id
  const message = `There is no voice ${JSON.stringify(wanted.slice(0, 100))}; GET /v1/audio/voices lists those there are.`
  throw new AppError('invalid_parameter', message, { param: 'voice' })
}

const describeModel = (id: string): OpenAIModelBody => ({
  id,
  object: 'model',
  created: CREATED,
  owned_by: 'chatterbox-serverless',
})

export function listModels(): Handler {
  return async (): Promise<OpenAIModelListBody> => ({ object: 'list', data: OPENAI_MODELS.map(describeModel) })
}

export function findModel(): Handler {
  return async (request): Promise<OpenAIModelBody> => {
    const { id } = request.params as { id: string }
    requireModel(id)
    return describeModel(id)
  }
}

export function listAudioVoices({ db }: Services): Handler {
  return async (request): Promise<OpenAIVoiceListBody> => {
    const { caller } = request
    invariant(caller, 'voices belong to a caller')
    const own = await listVoices(db, caller.accountId, { limit: MAX_LISTED })
    return {
      voices: [
        ...own.map(({ id, name }) => ({ id, name, is_builtin: false })),
        ...BUILT_IN_VOICES.map(({ id, name }) => ({ id, name, is_builtin: true })),
      ],
    }
  }
}
