// What the studio asks of the server beside the API that everybody uses.
import { z } from 'zod'

export const studioFactsSchema = z
  .object({
    version: z.string(),
    model: z.string().describe('The engine that answers; `preview` is the embedded stand-in.'),
    price_per_1000_characters: z.number().describe('Credits (US dollars).'),
    text_limit_characters: z.number().describe('Of a text for `/v2`.'),
    tags: z.object({
      sound: z.array(z.string()).describe('Tags that stand for a sound of their own.'),
      delivery: z.array(z.string()).describe('Tags that colour the words after them.'),
    }),
    operator: z.boolean().describe('Whether ADMIN_TOKEN opens /v1/admin here.'),
    sign_in: z.enum(['automatic', 'key']).describe('`automatic`: this caller may ask for a key of its own.'),
  })
  .meta({
    description: 'What the studio shows before anybody has signed in.',
    examples: [
      {
        version: '0.1.0',
        model: 'turbo',
        price_per_1000_characters: 0.05,
        text_limit_characters: 100_000,
        tags: { sound: ['laugh'], delivery: ['whispering'] },
        operator: false,
        sign_in: 'automatic',
      },
    ],
  })

export const studioSignInSchema = z
  .object({ key: z.string().describe('An API key, shown this once.') })
  .meta({ description: 'A key for the studio.', examples: [{ key: 'cb_5f0c2a9e4b7d4c1f8a6e3d2b1c0f9e8d' }] })

export type StudioFacts = z.output<typeof studioFactsSchema>
export type StudioSignIn = z.output<typeof studioSignInSchema>
