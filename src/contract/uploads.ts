// Recordings stored ahead of a request: how they are sent, and which are taken.
import { z } from 'zod'

export const MAX_UPLOADS_PER_REQUEST = 16

export const uploadSchema = z
  .object({
    data_urls: z
      .array(z.string({ error: 'data_urls must be an array of data: URIs.' }), {
        error: (issue) =>
          issue.input === undefined
            ? 'data_urls is required and must be an array of data: URIs.'
            : 'data_urls must be an array of data: URIs.',
      })
      .min(1, 'data_urls must hold at least one data: URI.')
      .max(MAX_UPLOADS_PER_REQUEST, `data_urls must hold at most ${MAX_UPLOADS_PER_REQUEST} data: URIs.`)
      .meta({ examples: [['data:audio/wav;base64,UklGRiQAAABXQVZF…']] }),
  })
  .describe('Recordings as `data:` URIs: WAV, MP3, FLAC, OGG, M4A, WebM, AAC, AIFF, WMA or AMR.')

export const uploadedSchema = z
  .object({
    file_urls: z.array(z.string()).describe('One public URL per recording, in the order sent.'),
    urls: z.array(z.string()).describe('The same list under its other known name.'),
    message: z.string(),
    expires_at: z.string().describe('ISO 8601, UTC. The recordings are deleted after it.'),
  })
  .describe('The recordings are stored.')

export type Uploaded = z.output<typeof uploadedSchema>
