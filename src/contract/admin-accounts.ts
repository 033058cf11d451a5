// Accounts and their credits, as whoever runs the server makes, changes and sees them.
import { z } from 'zod'
import { EXAMPLE_ID, EXAMPLE_TIME, example, line, next, page, time, whole } from './admin-fields.ts'

const MAX_HOURS = 87_600
/** 2^53 micro-dollars would be 9 thousand million; sums of many grants stay far below. */
const MAX_CREDITS = 1_000_000

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
export const accountQuerySchema = example(z.object(page), 'Which accounts.', {})

export const accountSchema = example(account, 'An account.', EXAMPLE_ACCOUNT)
export const accountsSchema = example(
  z.object({ accounts: z.array(account), next }),
  'A page of accounts, the oldest first.',
  {
    accounts: [EXAMPLE_ACCOUNT],
    next: null,
  },
)
