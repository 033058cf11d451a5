// The parameters of speech: types, ranges, defaults and the exact words of every refusal. The only validation of their shape.
import { z } from 'zod'
import { MODEL_SLUG } from './models.ts'

export const TEXT_LIMIT_CHARACTERS = 10_000
/** Of a request whose caller does not wait. */
export const LONG_TEXT_LIMIT_CHARACTERS = 100_000
const WEBHOOK_URL_LIMIT = 2048

/** In the order of preference for a wildcard in `Accept`. A media type other than the first is an alias. */
export const OUTPUT_FORMATS = {
  wav: ['audio/wav', 'audio/x-wav', 'audio/wave', 'audio/vnd.wave'],
  mp3: ['audio/mpeg', 'audio/mp3'],
  ogg: ['audio/ogg', 'audio/opus'],
  flac: ['audio/flac', 'audio/x-flac'],
  pcm: ['audio/pcm', 'audio/l16'],
} as const satisfies Record<string, readonly [string, ...string[]]>

export type OutputFormat = keyof typeof OUTPUT_FORMATS
const formatNames = Object.keys(OUTPUT_FORMATS) as [OutputFormat, ...OutputFormat[]]

/** The format behind a media type, which is its file extension as well. */
export function formatOf(mediaType: string): OutputFormat | undefined {
  return formatNames.find((format) => OUTPUT_FORMATS[format].some((known) => known === mediaType))
}

/** Of bare telephone audio, which only some routes make. */
const TELEPHONE_EXTENSIONS: Readonly<Record<string, string>> = { 'audio/basic': 'ulaw', 'audio/x-alaw-basic': 'alaw' }

/** How the name of an output of this type ends, without the dot. */
export const extensionOf = (mediaType: string): string | undefined =>
  formatOf(mediaType) ?? TELEPHONE_EXTENSIONS[mediaType]

/** JSON knows no larger integer that every client writes and reads alike. */
const SAFE = Number.MAX_SAFE_INTEGER

const numberBetween = (name: string, minimum: number, maximum: number) =>
  z
    .number({ error: `${name} must be a number between ${minimum} and ${maximum}.` })
    .min(minimum, `${name} must be between ${minimum} and ${maximum}.`)
    .max(maximum, `${name} must be between ${minimum} and ${maximum}.`)

const integerBetween = (name: string, minimum: number, maximum: number) => {
  const error = `${name} must be an integer between ${minimum} and ${maximum}.`
  return z.number({ error }).int({ error }).min(minimum, error).max(maximum, error)
}

/** An issue that is not simply `invalid_parameter` carries its code along; validate.ts reads it. */
type IssueCode = 'missing_parameter' | 'text_too_long'
const issue = (input: string, message: string, code?: IssueCode) =>
  ({ code: 'custom', input, message, ...(code ? { params: { code } } : {}) }) as const

/** White space counts as missing. What PostgreSQL cannot store in JSON never gets further than here. */
const requiredString = (name: string) => {
  const required = `${name} is required and must be a string.`
  return z
    .string({ error: ({ input }) => (input === undefined ? required : `${name} must be a string.`) })
    .overwrite((value) => value.replace(/\p{Surrogate}/gu, '\uFFFD')) // unpaired ones: no encoder writes them as UTF-8
    .check(({ value, issues }) => {
      if (value.trim() === '') issues.push(issue(value, required, 'missing_parameter'))
      if (value.includes('\0')) issues.push(issue(value, `${name} must not contain the character U+0000.`))
    })
}

/** A text to speak, under whatever name an API has for it. */
export const spokenText = (name: string, limitCharacters = TEXT_LIMIT_CHARACTERS) =>
  requiredString(name).check(({ value, issues }) => {
    const characters = countCodePoints(value)
    if (characters <= limitCharacters) return
    const [has, limit, long] = [characters, limitCharacters, LONG_TEXT_LIMIT_CHARACTERS].map((count) =>
      count.toLocaleString('en-US'),
    )
    const elsewhere = limitCharacters < LONG_TEXT_LIMIT_CHARACTERS ? ` here; /v2/${MODEL_SLUG} takes up to ${long}` : ''
    issues.push(issue(value, `${name} is ${has} characters; the limit is ${limit}${elsewhere}.`, 'text_too_long'))
  })

const textOfUpTo = (limitCharacters: number) =>
  spokenText('text', limitCharacters).meta({
    minLength: 1,
    maxLength: limitCharacters,
    description: 'What to say. Sound tags such as `[laugh]`, `[chuckle]` or `[sigh]` are performed, not read out.',
    examples: ['Hello there. [chuckle] This is my voice.'],
  })

/** What kind of reference it is, and whether it can be used, synthesis finds out. */
const referenceAudio = requiredString('reference_audio').meta({
  description:
    'The voice: the `https:` URL of a recording with more than 5 seconds of one person speaking, a `data:` URI, the URL of an upload or of an output of yours, or `voice:` and the id of a stored or built-in voice. Instead of a recording, a voice that `chatterbox voices encode` made of one for the model in use.',
  examples: ['https://example.com/voice.mp3'],
})

/** What the server keeps once the audio has been delivered. */
const retention = z
  .enum(['normal', 'none'], { error: 'retention must be one of normal, none.' })
  .optional()
  .describe(
    '`none`: text and reference are forgotten when the work is done, and the audio when it was downloaded once or an hour has passed.',
  )

/** Of what is sent while it is made. */
export const latency = z
  .enum(['normal', 'low'], { error: 'latency must be one of normal, low.' })
  .default('normal')
  .describe(
    '`low`: a stream begins while its first piece is still being spoken, and its second piece is sent so as well. These two are other audio than without, a little less faithful; they are not spoken again where they go wrong, and charged when they begin. The same seed gives the same audio again. Needs a stream.',
  )

export const speechSchema = z
  .object({
    text: textOfUpTo(TEXT_LIMIT_CHARACTERS),
    reference_audio: referenceAudio,
    temperature: numberBetween('temperature', 0.05, 2).default(0.7).describe('Higher is livelier, lower is steadier.'),
    top_p: numberBetween('top_p', 0, 1).default(0.9).describe('Keeps the likeliest tokens up to this probability.'),
    top_k: integerBetween('top_k', 0, 1000)
      .default(500)
      .describe('Keeps this many of the likeliest tokens; 0 keeps all.'),
    min_p: numberBetween('min_p', 0, 1)
      .default(0)
      .describe('Drops tokens less likely than this share of the likeliest.'),
    repetition_penalty: numberBetween('repetition_penalty', 1, 2).default(1.3).describe('1 does not penalise.'),
    seed: integerBetween('seed', -SAFE, SAFE)
      .default(42)
      .describe(
        'The same seed and parameters give the same audio. 0 and -1 take a random one; `x-seed-value` reports it.',
      ),
    norm_loudness: z
      .boolean({ error: 'norm_loudness must be true or false.' })
      .default(true)
      .describe('Bring the reference recording to a standard loudness first.'),
    output_format: z
      .enum(formatNames, { error: `output_format must be one of ${formatNames.join(', ')}.` })
      .optional()
      .describe('Encoding of the audio. Without it the `Accept` header decides, and without that it is WAV.'),
    text_handling: z
      .enum(['full', 'punctuation', 'none'], { error: 'text_handling must be one of full, punctuation, none.' })
      .optional()
      .describe(
        'What is done to `text` first: `punctuation`, the default, makes punctuation what the model was trained on; `full` also says numbers, money, dates, times, units and addresses in English words and drops mark-up and emoji; `none` leaves all as it is written.',
      ),
    retention,
  })
  .meta({
    description: 'Parameters stand at the top level. Unknown ones are ignored and named in `x-ignored-parameters`.',
    examples: [{ text: 'Hello there. [chuckle] This is my voice.', reference_audio: 'https://example.com/voice.mp3' }],
  })

/** As speechSchema, for servers where the setting DEFAULT_VOICE supplies a voice. */
export const speechWithDefaultVoiceSchema = speechSchema.partial({ reference_audio: true })

/** What a caller who waits can have beside. */
export const syncSpeechSchema = speechSchema
  .extend({
    stream: z
      .boolean({ error: 'stream must be true or false.' })
      .optional()
      .describe(
        'Send the audio while it is made, in chunks; charged by the piece. What is known only at the end comes in trailers. A failure after the first byte breaks the connection off.',
      ),
    stream_format: z
      .enum(['audio', 'sse'], { error: 'stream_format must be one of audio, sse.' })
      .optional()
      .describe(
        '`sse`: stream as server-sent events `speech.audio.delta` (Base64 in `audio`), `speech.audio.done`, or `error`. `Accept: text/event-stream` asks for the same.',
      ),
    latency,
  })
  .meta({
    description: 'Parameters stand at the top level. Unknown ones are ignored and named in `x-ignored-parameters`.',
    examples: [{ text: 'Hello there. [chuckle] This is my voice.', reference_audio: 'https://example.com/voice.mp3' }],
  })
export const syncSpeechWithDefaultVoiceSchema = syncSpeechSchema.partial({ reference_audio: true })

/** Whether a server will really call it, and which addresses it may have, is for the room that does to say. */
const webhookUrl = z
  .string({ error: 'webhook_url must be a string.' })
  .max(
    WEBHOOK_URL_LIMIT,
    `webhook_url must not be longer than ${WEBHOOK_URL_LIMIT.toLocaleString('en-US')} characters.`,
  )
  .check(({ value, issues }) => {
    const url = URL.canParse(value) ? new URL(value) : undefined
    const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:'
    if (!isWeb || value.includes('\0')) issues.push(issue(value, 'webhook_url must be a valid HTTPS URL.'))
    else if (url.username || url.password) {
      issues.push(issue(value, 'webhook_url must not contain a user name or password.'))
    }
  })
  .optional()
  .describe('`https:` URL that is called when the request has ended, whatever the outcome.')

const asyncLatency = latency.describe(
  '`low`: whoever listens at `/v2/requests/{id}/audio` hears the first piece while it is still being spoken, and the second as well. These two are other audio than without, a little less faithful, and are not spoken again where they go wrong. The same seed gives the same audio again.',
)

/** What the asynchronous API takes beside the parameters of speech. */
const longSpeechSchema = speechSchema.extend({ text: textOfUpTo(LONG_TEXT_LIMIT_CHARACTERS) })
export const asyncSpeechSchema = longSpeechSchema.extend({ latency: asyncLatency, webhook_url: webhookUrl }).meta({
  description: 'Parameters stand at the top level. Unknown ones are ignored and named in `x-ignored-parameters`.',
  examples: [
    {
      text: 'Hello there. [chuckle] This is my voice.',
      reference_audio: 'https://example.com/voice.mp3',
      webhook_url: 'https://example.com/hooks/speech',
    },
  ],
})
export const asyncSpeechWithDefaultVoiceSchema = asyncSpeechSchema.partial({ reference_audio: true })

export type SpeechBody = z.output<typeof speechWithDefaultVoiceSchema>
export type SyncSpeechBody = z.output<typeof syncSpeechWithDefaultVoiceSchema>
export type AsyncSpeechBody = z.output<typeof asyncSpeechWithDefaultVoiceSchema>

/** Multipart fields are text by nature: these are read as numbers and booleans before they are validated. */
const NUMBER_FIELDS: readonly string[] = ['temperature', 'top_p', 'top_k', 'min_p', 'repetition_penalty', 'seed']
const BOOLEAN_FIELDS: readonly string[] = ['norm_loudness', 'stream']

/** A multipart field as JSON would have it; text that is no number or boolean stays text and is refused by its schema. */
export function readTextField(name: string, value: string): string | number | boolean {
  if (NUMBER_FIELDS.includes(name) && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.trim())) return Number(value)
  if (BOOLEAN_FIELDS.includes(name) && /^(true|false)$/i.test(value.trim()))
    return value.trim().toLowerCase() === 'true'
  return value
}

function countCodePoints(value: string): number {
  let count = 0
  for (const _ of value) count += 1
  return count
}
