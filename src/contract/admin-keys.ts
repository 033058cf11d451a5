// API keys of any account, as whoever runs the server makes, limits and sees them.
import { z } from 'zod'
import { EXAMPLE_ID, EXAMPLE_TIME, example, id, line, next, page, time, whole } from './admin-fields.ts'

const MAX_LIMIT = 1_000_000

const rpm = whole('rate_limit_rpm', 0, MAX_LIMIT)
  .nullable()
  .describe('Requests per minute; 0: no limit; null: RATE_LIMIT_RPM.')
const concurrent = whole('max_concurrent', 1, MAX_LIMIT)
  .nullable()
  .describe('Open requests at the same time; null: the setting of the server.')

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
export const keyQuerySchema = example(
  z.object({ account: id('account', 'an account').optional().describe('Id of the only account.'), ...page }),
  'Whose keys.',
  {},
)

export const apiKeySchema = example(apiKey, 'An API key; the key itself is not kept.', EXAMPLE_KEY)
export const apiKeysSchema = example(
  z.object({ keys: z.array(apiKey), next }),
  'A page of keys, revoked ones included, the oldest first.',
  {
    keys: [EXAMPLE_KEY],
    next: null,
  },
)
export const madeApiKeySchema = example(
  apiKey.extend({ key: z.string().describe('The key itself, this once: only its hash is kept.') }),
  'The new key.',
  { ...EXAMPLE_KEY, key: 'cb_1f2e3d4c5b6a79880f1e2d3c4b5a6978' },
)
