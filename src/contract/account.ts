// What an account may ask about itself.
import { z } from 'zod'

export const creditsSchema = z
  .object({
    credits: z
      .number()
      .describe('US dollars. It drops once per request, by what was charged; what running requests hold still counts.'),
    'free-credits': z.number().describe('Always 0: this server has one kind of credits.'),
  })
  .meta({
    description: 'The balance of the account that the key belongs to.',
    examples: [{ credits: 9.41, 'free-credits': 0 }],
  })

export type Credits = z.output<typeof creditsSchema>
