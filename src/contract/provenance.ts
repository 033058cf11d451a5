// Whether a file was made here.
import { z } from 'zod'

export const provenanceRequestSchema = z
  .object({
    file: z.string({ error: 'file is required and must be a data: URI.' }).describe('A `data:` URI of the file.'),
  })
  .meta({
    description: 'The file to look at; as a multipart body, a file named `file`.',
    examples: [{ file: 'data:audio/mpeg;base64,SUQzBAAAAAAA' }],
  })

export const provenanceSchema = z
  .object({
    ours: z.boolean().describe('The file, or the mark in it, is of this installation.'),
    mark: z
      .object({
        model: z.string(),
        voice: z.string().describe('Id of a stored voice, or `recording-` and a hash of the reference.'),
        seed: z.number(),
        version: z.string().describe('Of the program that made the file.'),
        signature: z
          .enum(['valid', 'invalid', 'absent'])
          .describe(
            '`valid`: signed here. `absent`: made on the command line. `invalid`: altered, or signed elsewhere.',
          ),
      })
      .nullable()
      .describe("What the file's metadata says of its making; null where it says nothing, which proves nothing."),
    request_id: z
      .string()
      .nullable()
      .describe('The request of this account whose output is this very file, while its record is kept.'),
  })
  .meta({
    description: 'What is known of the origin of a file.',
    examples: [
      {
        ours: true,
        mark: {
          model: 'turbo',
          voice: 'recording-9f2c01ab44de7788',
          seed: 42,
          version: '0.1.0',
          signature: 'valid',
        },
        request_id: '47411f110c6fa4fe05dcb9ffed2c1962',
      },
    ],
  })

export type Provenance = z.output<typeof provenanceSchema>
