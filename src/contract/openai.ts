// What clients of OpenAI's speech API send and get, as far as this server has it: names and shapes are theirs.
import { z } from 'zod'
import { ERROR_CODES } from '../errors.ts'
import { latency, speechSchema, spokenText } from './speech.ts'

/** Model names that are answered: ours, and those that clients have built in. `x-model` says who spoke. */
export const OPENAI_MODELS = ['chatterbox-turbo', 'tts-1', 'tts-1-hd', 'gpt-4o-mini-tts'] as const

/** Their voices, which clients offer without asking, as the built-in ones that come nearest. */
export const OPENAI_VOICES: Readonly<Record<string, string>> = {
  alloy: 'default',
  ash: 'bruno',
  ballad: 'felix',
  cedar: 'bruno',
  coral: 'clara',
  echo: 'bruno',
  fable: 'felix',
  marin: 'iris',
  nova: 'ada',
  onyx: 'bruno',
  sage: 'clara',
  shimmer: 'ada',
  verse: 'felix',
}

/** Their formats, as ours. */
export const OPENAI_FORMATS = { mp3: 'mp3', opus: 'ogg', flac: 'flac', wav: 'wav', pcm: 'pcm' } as const
const formats = Object.keys(OPENAI_FORMATS) as [keyof typeof OPENAI_FORMATS, ...(keyof typeof OPENAI_FORMATS)[]]

const voiceNeeded = 'voice must be the name or id of a voice; GET /v1/audio/voices lists them.'
const voiceName = z.string({ error: voiceNeeded }).max(200, voiceNeeded)

const { temperature, top_p, top_k, min_p, repetition_penalty, seed, norm_loudness, retention } = speechSchema.shape

export const openAISpeechSchema = z
  .object({
    model: z
      .string({
        error: ({ input }) =>
          input === undefined ? 'model is required and must be a string.' : 'model must be a string.',
      })
      .describe(`One of ${OPENAI_MODELS.map((name) => `\`${name}\``).join(', ')}; all of them are the model in use.`),
    input: spokenText('input').describe('What to say; sound tags such as `[laugh]` are performed.'),
    voice: z
      .union([voiceName, z.object({ id: voiceName })], { error: voiceNeeded })
      .optional()
      .describe(
        'Id or name of a voice of yours, of a built-in one, or one of OpenAI’s names, which stand for built-in ones. Without it: `default`.',
      ),
    response_format: z
      .enum(formats, { error: `response_format must be one of ${formats.join(', ')}.` })
      .default('mp3')
      .describe('`opus` is Ogg Opus; `pcm` is 16 bit, 24 kHz, mono. There is no `aac`.'),
    speed: z
      .literal(1, { error: 'speed must be 1: the model decides how fast it speaks, and its audio is not stretched.' })
      .optional()
      .describe('1 or nothing.'),
    instructions: z
      .string({ error: 'instructions must be a string.' })
      .optional()
      .describe('Ignored, and named in `x-ignored-parameters`: the model takes none.'),
    stream_format: z
      .enum(['audio', 'sse'], { error: 'stream_format must be one of audio, sse.' })
      .default('audio')
      .describe('`sse`: events `speech.audio.delta` and `speech.audio.done`.'),
    latency,
    temperature,
    top_p,
    top_k,
    min_p,
    repetition_penalty,
    seed,
    norm_loudness,
    retention,
  })
  .meta({
    description: 'OpenAI’s parameters, and beside them those of this server.',
    examples: [{ model: 'tts-1', input: 'Hello there. [chuckle]', voice: 'nova', response_format: 'mp3' }],
  })

const modelSchema = z
  .object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() })
  .meta({
    description: 'A model.',
    examples: [{ id: 'tts-1', object: 'model', created: 1_765_756_800, owned_by: 'chatterbox-serverless' }],
  })

const modelListSchema = z.object({ object: z.literal('list'), data: z.array(modelSchema) }).meta({
  description: 'The names that `model` may have.',
  examples: [
    {
      object: 'list',
      data: [{ id: 'tts-1', object: 'model', created: 1_765_756_800, owned_by: 'chatterbox-serverless' }],
    },
  ],
})

const audioVoicesSchema = z
  .object({
    voices: z.array(
      z.object({ id: z.string().describe('Send this as `voice`.'), name: z.string(), is_builtin: z.boolean() }),
    ),
  })
  .meta({
    description: 'Your voices, newest first, then the built-in ones.',
    examples: [{ voices: [{ id: 'ada', name: 'Ada', is_builtin: true }] }],
  })

const audioModelsSchema = z
  .object({ models: z.array(z.object({ id: z.string() })) })
  .meta({ description: 'The names that `model` may have.', examples: [{ models: [{ id: 'tts-1' }] }] })

const openAIErrorSchema = z
  .object({
    error: z.object({
      message: z.string().describe('For people; says what to do.'),
      type: z.enum([
        'invalid_request_error',
        'authentication_error',
        'insufficient_quota',
        'rate_limit_error',
        'server_error',
      ]),
      param: z.string().nullable(),
      code: z.enum(ERROR_CODES).describe('That of the other routes.'),
    }),
  })
  .meta({
    description: 'Errors of these routes.',
    examples: [
      {
        error: {
          message: 'voice must be the name or id of a voice; GET /v1/audio/voices lists them.',
          type: 'invalid_request_error',
          param: 'voice',
          code: 'invalid_parameter',
        },
      },
    ],
  })

export const OPENAI_SCHEMAS = {
  OpenAISpeechRequest: openAISpeechSchema,
  OpenAIModel: modelSchema,
  OpenAIModelList: modelListSchema,
  OpenAIVoiceList: audioVoicesSchema,
  AudioModelList: audioModelsSchema,
  OpenAIError: openAIErrorSchema,
} as const

export type OpenAISpeechBody = z.output<typeof openAISpeechSchema>
export type OpenAIModelBody = z.output<typeof modelSchema>
export type OpenAIModelListBody = z.output<typeof modelListSchema>
export type OpenAIVoiceListBody = z.output<typeof audioVoicesSchema>
export type OpenAIErrorBody = z.output<typeof openAIErrorSchema>
