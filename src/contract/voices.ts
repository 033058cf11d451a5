// Voices that an account keeps, and those that are built in: how they are made, named, listed and played.
import { z } from 'zod'
import { speechSchema } from './speech.ts'

const MAX_NAME_CHARACTERS = 100
const MAX_DESCRIPTION_CHARACTERS = 500
const MAX_CONSENT_CHARACTERS = 2000
const MAX_VOICES_PER_PAGE = 100
const EXAMPLE_ID = '3b9e1f7a52c84d06a1e7c94b60f2d815'

/** What is kept where a caller says no more than `true`. */
export const CONSENT_IN_OUR_WORDS =
  'Whoever added this voice has declared that the person who is heard agrees to this use of it.'

const short = (name: string, most: number) =>
  z
    .string({
      error: ({ input }) =>
        input === undefined ? `${name} is required and must be a string.` : `${name} must be a string.`,
    })
    .max(most, `${name} must not be longer than ${most} characters.`)
    // Control characters have no place on a line; unpaired surrogates are no text at all.
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, `${name} must be text on one line.`)

const name = short('name', MAX_NAME_CHARACTERS)
  .refine((text) => text.trim() !== '', 'name must not be empty.')
  .describe('For people. Several voices may have the same.')
const description = short('description', MAX_DESCRIPTION_CHARACTERS).describe('For people.')

const consentNeeded = `consent is required: true, or a statement of up to ${MAX_CONSENT_CHARACTERS.toLocaleString('en-US')} characters, that the person who is heard agrees to this use of their voice.`
const consent = z
  .union(
    [
      z.literal(true),
      z
        .string()
        .max(MAX_CONSENT_CHARACTERS, consentNeeded)
        .refine((text) => !/^\s*(false|no|off|0)?\s*$/i.test(text), consentNeeded)
        .refine((text) => !/[\0\p{Cs}]/u.test(text), 'consent must be text.'),
    ],
    { error: consentNeeded },
  )
  .describe(
    `That the person who is heard agrees: \`true\`, or a statement in your own words, up to ${MAX_CONSENT_CHARACTERS.toLocaleString('en-US')} characters. It is kept with the voice.`,
  )

export const newVoiceSchema = z
  .object({
    name,
    consent,
    reference_audio: speechSchema.shape.reference_audio.describe(
      'A recording with more than 5 seconds of one person speaking: an `https:` URL, a `data:` URI, or the URL of an upload. The best 15 seconds of it are kept. Or a voice file, as `chatterbox voices encode` makes it.',
    ),
    description: description.optional(),
  })
  .meta({
    description: 'A new voice.',
    examples: [{ name: 'Anna', consent: true, reference_audio: 'https://example.com/anna.mp3' }],
  })

/** As newVoiceSchema, where the recording came as a file. */
export const newVoiceOfFileSchema = newVoiceSchema.partial({ reference_audio: true })

export const voiceChangesSchema = z
  .object({ name: name.optional(), description: description.nullable().optional() })
  .meta({ description: 'What is to be another. What is not named stays.', examples: [{ name: 'Anna, warm' }] })

export const voiceSchema = z
  .object({
    id: z.string().describe('32 lower-case hex digits; of built-in voices a name.'),
    reference_audio: z.string().describe('Send this as `reference_audio` to speak with it.'),
    name: z.string(),
    description: z.string().nullable(),
    is_builtin: z.boolean(),
    kind: z
      .enum(['recording', 'encoded', 'model'])
      .describe(
        '`encoded`: a voice file, for `model` and `version` alone. `model`: whatever voice the model in use has.',
      ),
    seconds: z.number().nullable().describe('Of the recording that is kept.'),
    recording: z
      .object({
        seconds: z.number().describe('What was sent.'),
        start: z.number().describe('Where in it the part begins that is kept.'),
      })
      .nullable(),
    checks: z
      .array(z.object({ kind: z.string(), advice: z.string() }))
      .describe('What would make the voice better. Empty: nothing was found.'),
    consent: z.object({ statement: z.string(), given_at: z.string() }).nullable(),
    model: z.string().nullable(),
    version: z.string().nullable(),
    preview_url: z.string().nullable().describe('Plays the recording that is kept; needs a key. null: there is none.'),
    created_at: z.string().nullable(),
  })
  .meta({
    description: 'A voice.',
    examples: [
      {
        id: EXAMPLE_ID,
        reference_audio: `voice:${EXAMPLE_ID}`,
        name: 'Anna',
        description: null,
        is_builtin: false,
        kind: 'recording',
        seconds: 15,
        recording: { seconds: 62.4, start: 21.3 },
        checks: [],
        consent: { statement: CONSENT_IN_OUR_WORDS, given_at: '2026-01-01T00:00:00.000Z' },
        model: null,
        version: null,
        preview_url: `https://tts.example/v1/voices/${EXAMPLE_ID}/preview`,
        created_at: '2026-01-01T00:00:00.000Z',
      },
    ],
  })

export const voiceListSchema = z
  .object({
    voices: z
      .array(voiceSchema)
      .describe('Those of the account, newest first; after the last of them the built-in ones.'),
    next: z.string().nullable().describe('Pass it as `before` to get the next page; null: this is the last.'),
  })
  .meta({
    description: 'Voices.',
    examples: [
      {
        voices: [
          {
            id: 'ada',
            reference_audio: 'voice:ada',
            name: 'Ada',
            description: 'High, quick and clear.',
            is_builtin: true,
            kind: 'recording',
            seconds: 8.53,
            recording: null,
            checks: [],
            consent: null,
            model: null,
            version: null,
            preview_url: 'https://tts.example/v1/voices/ada/preview',
            created_at: null,
          },
        ],
        next: null,
      },
    ],
  })

export const removedVoiceSchema = z
  .object({ id: z.string(), deleted: z.literal(true) })
  .meta({ description: 'It cannot be named any more.', examples: [{ id: EXAMPLE_ID, deleted: true }] })

const limitRange = `limit must be an integer between 1 and ${MAX_VOICES_PER_PAGE}.`

export const voiceQuerySchema = z
  .object({
    before: z
      .string({ error: 'before must be given once.' })
      .optional()
      .describe('Only those after this one in the list.'),
    limit: z.coerce
      .number({ error: limitRange })
      .int(limitRange)
      .min(1, limitRange)
      .max(MAX_VOICES_PER_PAGE, limitRange)
      .default(50)
      .describe('How many.'),
  })
  .meta({ description: 'Which voices.', examples: [{ limit: 20 }] })

export type VoiceBody = z.output<typeof voiceSchema>
export type VoiceListBody = z.output<typeof voiceListSchema>
export type RemovedVoiceBody = z.output<typeof removedVoiceSchema>
