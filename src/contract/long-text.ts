// What is known of the pieces of a request: progress as events, single pieces to play and to have spoken anew, and where in time they are.
import { z } from 'zod'
import { ERROR_CODES } from '../errors.ts'

const EXAMPLE_ID = '47411f110c6fa4fe05dcb9ffed2c1962'
const EXAMPLE_OUTPUT = 'https://tts.example/outputs/9c1185a5c5e9fc54612808977ee8f548.wav'
const EXAMPLE_PIECE = 'https://tts.example/outputs/9c1185a5c5e9fc54612808977ee8f548/pieces/0.wav'
const SAFE = Number.MAX_SAFE_INTEGER

const requestId = z.string().describe('32 lower-case hex digits.')
const status = z.enum(['QUEUED', 'PROCESSING', 'COMPLETED', 'FAILED'])
const index = z.number().int().describe('Of the piece in the text, from 0.')
const startSeconds = z.number().describe('Where it begins in the audio.')
const durationSeconds = z.number().describe('How long it lasts, the pause after it included.')

/** The data of `event: status`. */
export const statusEventSchema = z
  .object({
    status,
    queue_position: z.number().int().optional().describe('How many are served before it. Only while it is QUEUED.'),
  })
  .meta({
    description: 'The first event, and again whenever it has changed.',
    examples: [{ status: 'QUEUED', queue_position: 2 }],
  })

/** The data of `event: piece`; the id of the event is `index`. */
export const pieceEventSchema = z
  .object({
    index,
    pieces: z.number().int().describe('How many the text has.'),
    start_seconds: startSeconds,
    duration_seconds: durationSeconds,
  })
  .meta({
    description: 'A piece that is spoken and kept; in the order of the text, those that were there already first.',
    examples: [{ index: 0, pieces: 12, start_seconds: 0, duration_seconds: 6.52 }],
  })

/** The data of `event: done`. */
export const doneEventSchema = z
  .object({
    status: z.enum(['COMPLETED', 'FAILED']),
    output: z.string().optional().describe('Public URL of the audio; where it is COMPLETED.'),
    error: z.string().optional().describe('For people; where it is FAILED.'),
    code: z.enum(ERROR_CODES).optional().describe('For programs; where it is FAILED. `cancelled`: it was cancelled.'),
  })
  .meta({
    description: 'The last event; after it the connection is closed.',
    examples: [{ status: 'COMPLETED', output: EXAMPLE_OUTPUT }],
  })

const pieceSchema = z.object({
  index,
  text: z.string().describe('As it is spoken, after text handling.'),
  seed: z.number().int().describe('The seed of this piece.'),
  state: z.enum(['pending', 'done']),
  start_seconds: startSeconds.optional(),
  duration_seconds: durationSeconds.optional(),
  audio_url: z
    .string()
    .optional()
    .describe('Public URL of the piece alone, WAV; once the request is COMPLETED, where pieces are kept.'),
  guards: z.array(z.string()).optional().describe('Rules that changed it, e.g. `too-short-retry`.'),
})

export const pieceListSchema = z
  .object({
    request_id: requestId,
    status,
    pieces: z
      .array(pieceSchema)
      .describe(
        'In the order of the text: `index`, `text`, `seed`, `state` (`pending` or `done`); of a piece that is done `start_seconds`, `duration_seconds`, `guards`, and `audio_url` once the request is COMPLETED.',
      ),
  })
  .meta({
    description: 'The pieces that the text was cut into.',
    examples: [
      {
        request_id: EXAMPLE_ID,
        status: 'COMPLETED',
        pieces: [
          {
            index: 0,
            text: 'Hello there.',
            seed: 42,
            state: 'done',
            start_seconds: 0,
            duration_seconds: 1.36,
            audio_url: EXAMPLE_PIECE,
            guards: [],
          },
        ],
      },
    ],
  })

export const regenerateSchema = z
  .object({
    seed: z
      .number({ error: 'seed must be an integer.' })
      .int('seed must be an integer.')
      .min(-SAFE, 'seed must be an integer that JSON can hold.')
      .max(SAFE, 'seed must be an integer that JSON can hold.')
      .default(0)
      .describe('For the new reading of the piece. 0 and -1, or none at all: a random one.'),
  })
  .meta({ description: 'How to speak the piece this time.', examples: [{ seed: 7 }] })

export const timingsQuerySchema = z
  .object({
    format: z
      .enum(['json', 'srt', 'vtt'], { error: 'format must be one of json, srt, vtt.' })
      .default('json')
      .describe('`srt` and `vtt` are subtitles.'),
  })
  .meta({ description: 'In which form to answer.', examples: [{ format: 'srt' }] })

const spanSchema = z.object({
  index,
  text: z.string(),
  start_seconds: z.number(),
  end_seconds: z.number(),
})

export const timingsSchema = z
  .object({
    request_id: requestId,
    duration_seconds: z.number().describe('Of the whole audio.'),
    pieces: z
      .array(spanSchema)
      .describe('`index`, `text`, `start_seconds`, `end_seconds` of every piece, exact to the sample.'),
    cues: z
      .array(spanSchema.extend({ estimated: z.boolean() }))
      .describe(
        'The same cut to the length of a subtitle; `index` is that of the piece. `estimated`: one of its ends lies inside of a piece, where only the number of characters tells the time.',
      ),
  })
  .meta({
    description: 'When what is said.',
    examples: [
      {
        request_id: EXAMPLE_ID,
        duration_seconds: 1.36,
        pieces: [{ index: 0, text: 'Hello there.', start_seconds: 0, end_seconds: 1.36 }],
        cues: [{ index: 0, text: 'Hello there.', start_seconds: 0, end_seconds: 1.36, estimated: false }],
      },
    ],
  })

export const LONG_TEXT_SCHEMAS = {
  StatusEvent: statusEventSchema,
  PieceEvent: pieceEventSchema,
  DoneEvent: doneEventSchema,
  PieceList: pieceListSchema,
  Regenerate: regenerateSchema,
  TimingsQuery: timingsQuerySchema,
  Timings: timingsSchema,
} as const

export type StatusEvent = z.output<typeof statusEventSchema>
export type PieceEvent = z.output<typeof pieceEventSchema>
export type DoneEvent = z.output<typeof doneEventSchema>
export type PieceList = z.output<typeof pieceListSchema>
export type PieceDescription = z.output<typeof pieceSchema>
export type TimingsAnswer = z.output<typeof timingsSchema>
