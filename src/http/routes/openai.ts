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
import { validate } from '../../contract/validate.ts'
import { AppError, invariant } from '../../errors.ts'
import type { Database } from '../../storage/postgres.ts'
import { BUILT_IN_VOICES } from '../../synthesis/built-in-voices.ts'
import { takeApiKey } from '../authenticate.ts'
import type { JsonBody } from '../body.ts'
import { readIdempotencyKey } from '../idempotency.ts'
import { findVoiceId, listOwnVoices } from '../named-voice.ts'
import { openAIErrorBody } from '../openai-error.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'
import { toSpeechRequest } from '../speech-request.ts'
import { answerStream } from '../stream-answer.ts'

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
    const asked = toSpeechRequest(
      {
        // `stream`: part of what an idempotency key stands for.
        body: Object.assign(sampling, {
          text: input,
          reference_audio: `voice:${await requireVoiceId(db, caller.accountId, voice)}`,
          stream: true,
        }),
        file: undefined,
        ignored,
      },
      OPENAI_FORMATS[response_format],
      idempotencyKey,
    )
    // Home Assistant tries a key with a full stop, and OpenAI's own answer to that is a sound.
    const wanted = { ...asked, wordless: 'silence' } as const
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

async function requireVoiceId(db: Database, accountId: string, voice: OpenAISpeechBody['voice']): Promise<string> {
  const wanted = typeof voice === 'object' ? voice.id : (voice ?? '')
  const id = await findVoiceId(db, accountId, wanted, OPENAI_VOICES)
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
    await takeApiKey(db, request)
    const own = request.caller ? await listOwnVoices(db, request.caller.accountId) : []
    return {
      voices: [
        ...own.map(({ id, name }) => ({ id, name, is_builtin: false })),
        ...BUILT_IN_VOICES.map(({ id, name }) => ({ id, name, is_builtin: true })),
      ],
    }
  }
}

/** Where some clients look for them. */
export function listAudioModels(): Handler {
  return async () => ({ models: OPENAI_MODELS.map((id) => ({ id })) })
}
