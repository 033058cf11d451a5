// What whoever runs the server may ask and change: bodies, parameters and answers of /v1/admin.
import { z } from 'zod'
import { ERROR_CODES } from '../errors.ts'
import { adminUsageQuerySchema } from './usage.ts'

const EXAMPLE_ID = '5f1c2d8a9be04c7ab3b1d2e37c0a4e55'
const EXAMPLE_JOB = '47411f110c6fa4fe05dcb9ffed2c1962'
const EXAMPLE_TIME = '2026-11-22T10:00:00.000Z'
const MAX_HOURS = 87_600
const MAX_LIMIT = 1_000_000
/** 2^53 micro-dollars would be 9 thousand million; sums of many grants stay far below. */
const MAX_CREDITS = 1_000_000

/** Text for a database and a terminal: neither U+0000 nor what moves a cursor. */
const line = (name: string, most: number) =>
  z
    .string({ error: `${name} must be a string.` })
    .refine(
      (text) => text.trim() !== '' && [...text].length <= most && !/\p{Cc}|\p{Surrogate}/u.test(text),
      `${name} must be 1 to ${most} characters, none of them a control character.`,
    )
const whole = (name: string, least: number, most: number) => {
  const error = `${name} must be an integer between ${least} and ${most}.`
  return z.int({ error }).min(least, error).max(most, error)
}
const id = (name: string, of: string) =>
  z.string({ error: `${name} must be the id of ${of}.` }).regex(/^[0-9a-f]{32}$/, `${name} must be the id of ${of}.`)
const credits = (name: string, least: number) => {
  const error = `${name} must be a number of credits between ${least} and ${MAX_CREDITS}.`
  return z.number({ error }).min(least, error).max(MAX_CREDITS, error)
}
const flag = (name: string) => z.boolean({ error: `${name} must be true or false.` })
const retention = z
  .enum(['normal', 'none'], { error: 'retention must be one of normal, none.' })
  .describe(
    'Of requests that do not say themselves. `none`: text, reference and output are forgotten once they are delivered.',
  )
const ttl = whole('result_ttl_hours', 1, MAX_HOURS)
  .nullable()
  .describe('How long results are kept; null: RESULT_TTL_HOURS.')
const rpm = whole('rate_limit_rpm', 0, MAX_LIMIT)
  .nullable()
  .describe('Requests per minute; 0: no limit; null: RATE_LIMIT_RPM.')
const concurrent = whole('max_concurrent', 1, MAX_LIMIT)
  .nullable()
  .describe('Open requests at the same time; null: the setting of the server.')
const time = z.string().describe('ISO 8601, UTC.')

const page = {
  limit: z.coerce
    .number({ error: 'limit must be an integer between 1 and 200.' })
    .int('limit must be an integer between 1 and 200.')
    .min(1, 'limit must be an integer between 1 and 200.')
    .max(200, 'limit must be an integer between 1 and 200.')
    .default(50)
    .describe('Rows of a page.'),
  cursor: z
    .string({ error: 'cursor must be the `next` of the page before.' })
    .max(100, 'cursor must be the `next` of the page before.')
    .optional()
    .describe('`next` of the page before.'),
}
const next = z.string().nullable().describe('`cursor` of the next page; null: this is the last.')
const instant = (name: string) =>
  z.iso
    .datetime({ offset: true, error: `${name} must be a time such as 2026-11-22T10:00:00Z.` })
    .optional()
    .describe('ISO 8601.')

const account = z.object({
  id: z.string(),
  name: z.string(),
  credits: z.number().describe('US dollars, what open requests hold included.'),
  held: z.number().describe('Of these, what open requests may still cost.'),
  retention: z.enum(['normal', 'none']),
  result_ttl_hours: z.number().nullable(),
  suspended_at: time.nullable(),
  created_at: time,
})
const EXAMPLE_ACCOUNT = {
  id: EXAMPLE_ID,
  name: 'acme',
  credits: 9.41,
  held: 0,
  retention: 'normal',
  result_ttl_hours: null,
  suspended_at: null,
  created_at: EXAMPLE_TIME,
} as const

const apiKey = z.object({
  id: z.string(),
  account: z.string().describe('Id of its account.'),
  name: z.string(),
  prefix: z.string().describe('The first characters of the key.'),
  rate_limit_rpm: z.number().nullable(),
  max_concurrent: z.number().nullable(),
  created_at: time,
  last_used_at: time.nullable().describe('To the minute.'),
  revoked_at: time.nullable(),
})
const EXAMPLE_KEY = {
  id: EXAMPLE_ID,
  account: EXAMPLE_ID,
  name: 'mobile app',
  prefix: 'cb_1f2e3',
  rate_limit_rpm: 600,
  max_concurrent: null,
  created_at: EXAMPLE_TIME,
  last_used_at: null,
  revoked_at: null,
}

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

const auditEntry = z.object({
  id: z.number(),
  at: time,
  actor: z.string().describe('`api:ADDRESS` or `cli:USER@HOST`.'),
  action: z.string(),
  target_kind: z.string(),
  target: z.string(),
  account: z.string(),
  note: z.string().nullable(),
  before: z.record(z.string(), z.unknown()).nullable(),
  after: z.record(z.string(), z.unknown()),
})

const example = <T extends z.ZodType>(schema: T, description: string, ...examples: z.input<T>[]): T =>
  schema.meta({ description, examples })

export const newAccountSchema = example(
  z.object({
    name: line('name', 100).describe('What it is called: no two accounts alike.'),
    credits: credits('credits', 0).default(0).describe('First credits, in US dollars.'),
    retention: retention.optional(),
    result_ttl_hours: ttl.optional(),
  }),
  'A new account.',
  { name: 'acme', credits: 10 },
)
export const accountChangesSchema = example(
  z.object({
    name: line('name', 100).optional().describe('What it is called: no two accounts alike.'),
    suspended: flag('suspended')
      .optional()
      .describe('true: its keys are answered 403 from now on; what is queued is still spoken.'),
    retention: retention.optional(),
    result_ttl_hours: ttl.optional(),
  }),
  'What is left out stays as it is.',
  { suspended: true },
)
export const creditChangeSchema = example(
  z.object({
    amount: credits('amount', -MAX_CREDITS)
      .refine((amount) => Math.round(amount * 1e6) !== 0, 'amount must be at least a millionth of a credit.')
      .describe('US dollars; negative: taken away.'),
    note: line('note', 500).describe('Why: for the ledger and the audit log.'),
  }),
  'Credits given or taken.',
  { amount: 25, note: 'invoice 2026-117' },
)
export const newKeySchema = example(
  z.object({
    account: id('account', 'an account').describe('Id of the account that it is for.'),
    name: line('name', 100).describe('What it is for.'),
    rate_limit_rpm: rpm.optional(),
    max_concurrent: concurrent.optional(),
  }),
  'A new API key.',
  { account: EXAMPLE_ID, name: 'mobile app', rate_limit_rpm: 600 },
)
export const keyLimitsSchema = example(
  z.object({ rate_limit_rpm: rpm.optional(), max_concurrent: concurrent.optional() }),
  'What is left out stays as it is.',
  { max_concurrent: 8 },
)
export const accountQuerySchema = example(z.object(page), 'Which accounts.', {})
export const keyQuerySchema = example(
  z.object({ account: id('account', 'an account').optional().describe('Id of the only account.'), ...page }),
  'Whose keys.',
  {},
)
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
export const auditQuerySchema = example(
  z.object({
    account: id('account', 'an account').optional().describe('Id of the only account.'),
    target: id('target', 'an account, a key or a request').optional().describe('Id of what was changed.'),
    ...page,
  }),
  'Which entries.',
  {},
)

/** Under their names in the OpenAPI document. */
export const ADMIN_SCHEMAS = {
  NewAccount: newAccountSchema,
  AccountChanges: accountChangesSchema,
  CreditChange: creditChangeSchema,
  NewApiKey: newKeySchema,
  ApiKeyLimits: keyLimitsSchema,
  AccountQuery: accountQuerySchema,
  ApiKeyQuery: keyQuerySchema,
  JobQuery: jobQuerySchema,
  AuditQuery: auditQuerySchema,
  AdminUsageQuery: adminUsageQuerySchema,
  Account: example(account, 'An account.', EXAMPLE_ACCOUNT),
  Accounts: example(z.object({ accounts: z.array(account), next }), 'A page of accounts, the oldest first.', {
    accounts: [EXAMPLE_ACCOUNT],
    next: null,
  }),
  ApiKey: example(apiKey, 'An API key; the key itself is not kept.', EXAMPLE_KEY),
  ApiKeys: example(
    z.object({ keys: z.array(apiKey), next }),
    'A page of keys, revoked ones included, the oldest first.',
    {
      keys: [EXAMPLE_KEY],
      next: null,
    },
  ),
  MadeApiKey: example(
    apiKey.extend({ key: z.string().describe('The key itself, this once: only its hash is kept.') }),
    'The new key.',
    { ...EXAMPLE_KEY, key: 'cb_1f2e3d4c5b6a79880f1e2d3c4b5a6978' },
  ),
  Job: example(job, 'A request as its operator sees it, without what was asked for.', EXAMPLE_SUMMARY),
  Jobs: example(z.object({ jobs: z.array(job), next }), 'A page of requests, the newest first.', {
    jobs: [EXAMPLE_SUMMARY],
    next: null,
  }),
  JobDetail: example(
    job.extend({
      webhook_url: z.string().nullable(),
      request: z.unknown().describe('What was asked for, as the worker gets it; long strings are cut.'),
      result: z.unknown().describe('Facts of the result; null: there is none.'),
    }),
    'All that is known of a request.',
    { ...EXAMPLE_SUMMARY, webhook_url: null, request: { text: 'Hello.', seed: 42, format: 'wav' }, result: null },
  ),
  Workers: example(
    z.object({
      workers: z.array(
        z.object({
          id: z.string(),
          host: z.string(),
          model: z.string(),
          version: z.string(),
          slots: z.number().describe('Requests at the same time.'),
          started_at: time,
          seen_at: time,
        }),
      ),
    }),
    'Workers seen within the last 30 seconds.',
    {
      workers: [
        {
          id: EXAMPLE_ID,
          host: 'tts-1',
          model: 'turbo',
          version: '0.1.0',
          slots: 4,
          started_at: EXAMPLE_TIME,
          seen_at: EXAMPLE_TIME,
        },
      ],
    },
  ),
  Audit: example(z.object({ entries: z.array(auditEntry), next }), 'A page of changes, the newest first.', {
    entries: [
      {
        id: 17,
        at: EXAMPLE_TIME,
        actor: 'cli:ops@tts-1',
        action: 'credits.grant',
        target_kind: 'account',
        target: EXAMPLE_ID,
        account: EXAMPLE_ID,
        note: 'invoice 2026-117',
        before: { balance_micro: 0 },
        after: { balance_micro: 25_000_000 },
      },
    ],
    next: null,
  }),
} as const

type Answers = { readonly [Name in keyof typeof ADMIN_SCHEMAS]: z.output<(typeof ADMIN_SCHEMAS)[Name]> }
export type AccountAnswer = Answers['Account']
export type ApiKeyAnswer = Answers['ApiKey']
export type JobAnswer = Answers['Job']
export type JobDetailAnswer = Answers['JobDetail']
export type WorkersAnswer = Answers['Workers']
export type AuditEntryAnswer = Answers['Audit']['entries'][number]
