// What clients of ElevenLabs' text-to-speech API send and get, as far as this server has it: names and shapes are theirs.
import { z } from 'zod'
import { ERROR_CODES } from '../errors.ts'
import { ELEVENLABS_FORMATS, type ElevenLabsFormat } from './elevenlabs-formats.ts'
import { speechSchema, spokenText, TEXT_LIMIT_CHARACTERS } from './speech.ts'

/** Model names that are answered: ours, and those that clients have built in. `x-model` says who spoke. */
export const ELEVENLABS_MODELS = [
  'chatterbox-turbo',
  'eleven_v3',
  'eleven_multilingual_v2',
  'eleven_flash_v2_5',
  'eleven_flash_v2',
  'eleven_turbo_v2_5',
  'eleven_turbo_v2',
  'eleven_multilingual_v1',
  'eleven_monolingual_v1',
] as const

const formats = Object.keys(ELEVENLABS_FORMATS) as [ElevenLabsFormat, ...ElevenLabsFormat[]]
const flag = (name: string) => z.enum(['true', 'false'], { error: `${name} must be true or false.` })

export const elevenLabsQuerySchema = z
  .object({
    output_format: z
      .enum(formats, { error: `output_format must be one of ${formats.join(', ')}.` })
      .default('mp3_44100_128')
      .describe(
        'Codec, sample rate in Hz, kbit/s. The speech is made at 24 kHz: higher rates hold no more of it. `opus` is in Ogg, everything is mono.',
      ),
    enable_logging: flag('enable_logging')
      .default('true')
      .describe('`false` is the `retention` `none` of the other routes.'),
    optimize_streaming_latency: z
      .enum(['0', '1', '2', '3', '4'], {
        error: 'optimize_streaming_latency must be an integer between 0 and 4.',
      })
      .optional()
      .describe('Of a stream: from 1 on, the `latency` `low` of the other routes. Without a stream it is ignored.'),
  })
  .meta({ description: 'After the `?`.', examples: [{ output_format: 'pcm_16000' }] })

const { temperature, top_p, top_k, min_p, repetition_penalty, seed, norm_loudness } = speechSchema.shape
const speedNeeded =
  'voice_settings.speed must be 1: the model decides how fast it speaks, and its audio is not stretched.'

const voiceSettingsSchema = z.looseObject(
  { speed: z.literal(1, { error: speedNeeded }).nullish() },
  { error: 'voice_settings must be an object.' },
)

export const elevenLabsSpeechSchema = z
  .object({
    text: spokenText('text').describe('What to say; sound tags such as `[laugh]` are performed.'),
    model_id: z
      .string({ error: 'model_id must be a string.' })
      .default('chatterbox-turbo')
      .describe(
        `One of ${ELEVENLABS_MODELS.map((name) => `\`${name}\``).join(', ')}; all of them are the model in use.`,
      ),
    voice_settings: voiceSettingsSchema
      .optional()
      .describe(
        '`speed` must be 1. The others are ignored, and named in `x-ignored-parameters`: the model has none of them.',
      ),
    temperature,
    top_p,
    top_k,
    min_p,
    repetition_penalty,
    seed,
    norm_loudness,
  })
  .meta({
    description:
      'ElevenLabs’ parameters, and beside them those of this server. What it has not is ignored and named in `x-ignored-parameters`.',
    examples: [{ text: 'Hello there. [chuckle]', model_id: 'eleven_multilingual_v2' }],
  })

const voiceExample = {
  voice_id: 'ada',
  name: 'Ada',
  category: 'premade',
  description: 'High, quick and clear.',
  labels: {},
  preview_url: null,
  is_owner: false,
}

const elevenLabsVoiceSchema = z
  .object({
    voice_id: z.string(),
    name: z.string(),
    category: z.enum(['premade', 'cloned']).describe('`premade` are the built-in ones.'),
    description: z.string().nullable(),
    labels: z.record(z.string(), z.string()),
    preview_url: z.null().describe('Ours needs a key, which players do not send.'),
    is_owner: z.boolean(),
    created_at_unix: z.int().optional(),
  })
  .meta({ description: 'A voice, for clients of ElevenLabs’ API.', examples: [voiceExample] })

const elevenLabsVoicesSchema = z
  .object({ voices: z.array(elevenLabsVoiceSchema) })
  .meta({ description: 'All voices, for clients of ElevenLabs’ API.', examples: [{ voices: [voiceExample] }] })

const MAX_PAGE = 100
const pageSizeNeeded = `page_size must be an integer between 1 and ${MAX_PAGE}.`

export const elevenLabsVoiceQuerySchema = z
  .object({
    search: z.string({ error: 'search must be one text.' }).optional().describe('A part of the name or description.'),
    category: z
      .enum(['premade', 'cloned', 'generated', 'professional'], {
        error: 'category must be one of premade, cloned, generated, professional.',
      })
      .optional(),
    voice_ids: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe('Only these; may be repeated.'),
    sort: z.enum(['created_at_unix', 'name'], { error: 'sort must be one of created_at_unix, name.' }).optional(),
    sort_direction: z.enum(['asc', 'desc'], { error: 'sort_direction must be one of asc, desc.' }).default('desc'),
    page_size: z.coerce
      .number({ error: pageSizeNeeded })
      .int(pageSizeNeeded)
      .min(1, pageSizeNeeded)
      .max(MAX_PAGE, pageSizeNeeded)
      .default(10),
    next_page_token: z
      .string({ error: 'next_page_token must be one text.' })
      .optional()
      .describe('As the page before gave it.'),
  })
  .meta({ description: 'Which voices.', examples: [{ search: 'ada' }] })

const elevenLabsVoicePageSchema = z
  .object({
    voices: z.array(elevenLabsVoiceSchema),
    has_more: z.boolean(),
    total_count: z.int(),
    next_page_token: z.string().nullable(),
  })
  .meta({
    description: 'A page of voices.',
    examples: [{ voices: [voiceExample], has_more: false, total_count: 1, next_page_token: null }],
  })

const removedElevenLabsVoiceSchema = z
  .object({ status: z.literal('ok') })
  .meta({ description: 'It is gone, for clients of ElevenLabs’ API.', examples: [{ status: 'ok' }] })

const elevenLabsModelsSchema = z
  .array(
    z.object({
      model_id: z.string(),
      name: z.string(),
      description: z.string(),
      can_do_text_to_speech: z.boolean(),
      can_do_voice_conversion: z.boolean(),
      can_be_finetuned: z.boolean(),
      can_use_style: z.boolean(),
      can_use_speaker_boost: z.boolean(),
      serves_pro_voices: z.boolean(),
      maximum_text_length_per_request: z.int(),
      languages: z.array(z.object({ language_id: z.string(), name: z.string() })),
    }),
  )
  .meta({
    description: 'The model names, for clients of ElevenLabs’ API.',
    examples: [listElevenLabsModels().slice(0, 1)],
  })

export function listElevenLabsModels() {
  return ELEVENLABS_MODELS.map((model_id) => ({
    model_id,
    name: model_id,
    description: 'The model in use on this server; the header x-model names it.',
    can_do_text_to_speech: true,
    can_do_voice_conversion: false,
    can_be_finetuned: false,
    can_use_style: false,
    can_use_speaker_boost: false,
    serves_pro_voices: false,
    maximum_text_length_per_request: TEXT_LIMIT_CHARACTERS,
    languages: [{ language_id: 'en', name: 'English' }],
  }))
}

const elevenLabsErrorSchema = z
  .object({
    detail: z.object({
      status: z.enum(ERROR_CODES).describe('The code of the other routes.'),
      message: z.string().describe('For people; says what to do.'),
      param: z.string().optional().describe('The one field at fault, where there is one.'),
      request_id: z.string(),
    }),
  })
  .meta({
    description: 'Errors for whoever sends `xi-api-key`, and of these routes.',
    examples: [
      {
        detail: {
          status: 'invalid_parameter',
          message: speedNeeded,
          param: 'voice_settings',
          request_id: '47411f110c6fa4fe05dcb9ffed2c1962',
        },
      },
    ],
  })

export const ELEVENLABS_SCHEMAS = {
  ElevenLabsQuery: elevenLabsQuerySchema,
  ElevenLabsSpeechRequest: elevenLabsSpeechSchema,
  ElevenLabsVoice: elevenLabsVoiceSchema,
  ElevenLabsVoices: elevenLabsVoicesSchema,
  ElevenLabsVoiceQuery: elevenLabsVoiceQuerySchema,
  ElevenLabsVoicePage: elevenLabsVoicePageSchema,
  RemovedElevenLabsVoice: removedElevenLabsVoiceSchema,
  ElevenLabsModels: elevenLabsModelsSchema,
  ElevenLabsError: elevenLabsErrorSchema,
} as const

export type ElevenLabsQuery = z.output<typeof elevenLabsQuerySchema>
export type ElevenLabsSpeechBody = z.output<typeof elevenLabsSpeechSchema>
export type ElevenLabsVoiceBody = z.output<typeof elevenLabsVoiceSchema>
export type ElevenLabsVoicePageBody = z.output<typeof elevenLabsVoicePageSchema>
export type ElevenLabsErrorBody = z.output<typeof elevenLabsErrorSchema>
