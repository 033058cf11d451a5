// Requests of any account, as whoever runs the server finds and sees them.
import { z } from 'zod'
import { ERROR_CODES } from '../errors.ts'
import { EXAMPLE_ID, EXAMPLE_TIME, example, id, next, page, time } from './admin-fields.ts'

const EXAMPLE_JOB = '47411f110c6fa4fe05dcb9ffed2c1962'

const instant = (name: string) =>
  z.iso
    .datetime({ offset: true, error: `${name} must be a time such as 2026-11-22T10:00:00Z.` })
    .optional()
    .describe('ISO 8601.')

const job = z.object({
  id: z.string(),
  account: z.string(),
  key: z.string(),
  state: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']),
  dead: z.boolean().describe('Failed, its attempts used up, its text still known: it can be requeued.'),
  cancel_requested: z.boolean(),
  mode: z.enum(['sync', 'async']),
  retention: z.enum(['normal', 'none']),
  characters: z.number(),
  attempts: z.number(),
  max_attempts: z.number(),
  model: z.string().nullable(),
  worker: z.string().nullable(),
  held: z.number().describe('Credits that it may cost.'),
  cost: z.number().describe('Credits charged so far.'),
  audio_seconds: z.number().nullable(),
  error: z.string().nullable(),
  code: z.enum(ERROR_CODES).nullable(),
  created_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
  expires_at: time,
})
const EXAMPLE_SUMMARY = {
  id: EXAMPLE_JOB,
  account: EXAMPLE_ID,
  key: EXAMPLE_ID,
  state: 'failed',
  dead: true,
  cancel_requested: false,
  mode: 'async',
  retention: 'normal',
  characters: 120,
  attempts: 3,
  max_attempts: 3,
  model: 'turbo',
  worker: EXAMPLE_ID,
  held: 0.006,
  cost: 0,
  audio_seconds: null,
  error: 'This request could not be finished in 3 attempts. Please send it again.',
  code: 'unavailable',
  created_at: EXAMPLE_TIME,
  started_at: EXAMPLE_TIME,
  finished_at: EXAMPLE_TIME,
  expires_at: EXAMPLE_TIME,
} as const

export const jobQuerySchema = example(
  z.object({
    state: z
      .enum(['queued', 'running', 'completed', 'failed', 'cancelled', 'dead'], {
        error: 'state must be one of queued, running, completed, failed, cancelled, dead.',
      })
      .optional()
      .describe('`dead`: failed, and can be requeued.'),
    mode: z
      .enum(['sync', 'async'], { error: 'mode must be one of sync, async.' })
      .optional()
      .describe('Did a caller hold a connection open for it?'),
    account: id('account', 'an account').optional().describe('Id of the only account.'),
    created_after: instant('created_after'),
    created_before: instant('created_before'),
    ...page,
  }),
  'Which jobs.',
  { state: 'dead' },
)

export const jobSchema = example(job, 'A request as its operator sees it, without what was asked for.', EXAMPLE_SUMMARY)
export const jobsSchema = example(z.object({ jobs: z.array(job), next }), 'A page of requests, the newest first.', {
  jobs: [EXAMPLE_SUMMARY],
  next: null,
})
export const jobDetailSchema = example(
  job.extend({
    webhook_url: z.string().nullable(),
    request: z.unknown().describe('What was asked for, as the worker gets it; long strings are cut.'),
    result: z.unknown().describe('Facts of the result; null: there is none.'),
  }),
  'All that is known of a request.',
  { ...EXAMPLE_SUMMARY, webhook_url: null, request: { text: 'Hello.', seed: 42, format: 'wav' }, result: null },
)
