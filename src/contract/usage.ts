// How much was asked for and paid, in sums.
import { z } from 'zod'

const DAY = /^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/
const isDay = (text: string): boolean => DAY.test(text) && new Date(`${text}T00:00:00Z`).toISOString().startsWith(text)

const day = (name: string) =>
  z
    .string({ error: `${name} must be a day such as 2026-11-22.` })
    .refine(isDay, `${name} must be a day such as 2026-11-22.`)
    .optional()

const groups = <const G extends readonly [string, ...string[]]>(names: G) =>
  z
    .enum(names, { error: `group_by must be one of ${names.join(', ')}.` })
    .default('day' as never)
    .describe('What the rows stand for.')

const range = {
  from: day('from').describe('First day, UTC. Without it: 29 days before `to`.'),
  to: day('to').describe('Last day, UTC. Without it: today.'),
}

export const usageQuerySchema = z
  .object({ ...range, group_by: groups(['day', 'key', 'model']) })
  .meta({ description: 'Which days, and how they are summed up.', examples: [{ from: '2026-11-01', group_by: 'day' }] })

export const adminUsageQuerySchema = z
  .object({
    ...range,
    group_by: groups(['day', 'account', 'key', 'model']),
    account: z
      .string({ error: 'account must be the id of an account.' })
      .regex(/^[0-9a-f]{32}$/, 'account must be the id of an account.')
      .optional()
      .describe('Id of the only account.'),
  })
  .meta({ description: 'Which days and whose, and how they are summed up.', examples: [{ group_by: 'account' }] })

const sums = {
  requests: z
    .number()
    .describe('Requests that have ended, the failed ones too; a cancelled one only when a part was paid.'),
  failed: z.number().describe('Of these.'),
  characters: z.number().describe('Of text that was spoken.'),
  audio_seconds: z.number().describe('Of what was spoken; of a text in which one piece was spoken again, that piece.'),
  cost: z.number().describe('Credits (US dollars) charged.'),
}

export const usageSchema = z
  .object({
    from: z.string(),
    to: z.string(),
    group_by: z.enum(['day', 'account', 'key', 'model']),
    usage: z.array(
      z.object({
        group: z.string().describe('The day, the id of the key or account, or the model.'),
        name: z.string().optional().describe('Of a key or an account.'),
        ...sums,
      }),
    ),
    total: z.object(sums),
  })
  .meta({
    description: 'Days in their order; anything else with the dearest first. What had no requests has no row.',
    examples: [
      {
        from: '2026-11-01',
        to: '2026-11-30',
        group_by: 'day',
        usage: [{ group: '2026-11-22', requests: 120, failed: 1, characters: 9340, audio_seconds: 612.4, cost: 0.467 }],
        total: { requests: 120, failed: 1, characters: 9340, audio_seconds: 612.4, cost: 0.467 },
      },
    ],
  })

export type UsageReport = z.output<typeof usageSchema>
