// What an account may ask about itself.
import { z } from 'zod'

export const creditsSchema = z
  .object({
    credits: z
      .number()
      .describe('US dollars. It drops once per request, by what was charged; what running requests hold still counts.'),
    'free-credits': z.number().describe('Always 0: this server has one kind of credits.'),
  })
  .describe('The balance of the account that the key belongs to.')

export type Credits = z.output<typeof creditsSchema>
