// The workers that are there, and what was changed by whom.
import { z } from 'zod'
import { EXAMPLE_ID, EXAMPLE_TIME, example, id, next, page, time } from './admin-fields.ts'

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

export const auditQuerySchema = example(
  z.object({
    account: id('account', 'an account').optional().describe('Id of the only account.'),
    target: id('target', 'an account, a key or a request').optional().describe('Id of what was changed.'),
    ...page,
  }),
  'Which entries.',
  {},
)

export const workersSchema = example(
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
)
export const auditSchema = example(
  z.object({ entries: z.array(auditEntry), next }),
  'A page of changes, the newest first.',
  {
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
  },
)
