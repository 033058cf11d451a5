// Recordings stored ahead of a request: how they are sent, and which are taken.
import { z } from 'zod'

export const MAX_UPLOADS_PER_REQUEST = 16

interface UploadType {
  readonly name: string
  /** As it is served. */
  readonly mediaType: string
  readonly extension: string
  /** What the bytes are recognised as. */
  readonly detected: readonly string[]
}

/** What the bytes of an encoded voice are recognised as; the list of media types has no name for it. */
export const VOICE_FILE_DETECTED = 'voice file'

/** Wider than the list of the original's own SDK, which leaves out WAV, FLAC, OGG and M4A. */
export const UPLOAD_TYPES: readonly UploadType[] = [
  { name: 'WAV', mediaType: 'audio/wav', extension: 'wav', detected: ['audio/wav'] },
  { name: 'MP3', mediaType: 'audio/mpeg', extension: 'mp3', detected: ['audio/mpeg'] },
  { name: 'FLAC', mediaType: 'audio/flac', extension: 'flac', detected: ['audio/flac', 'audio/x-flac'] },
  {
    name: 'OGG',
    mediaType: 'audio/ogg',
    extension: 'ogg',
    detected: ['audio/ogg', 'audio/ogg; codecs=opus', 'application/ogg'],
  },
  {
    name: 'M4A',
    mediaType: 'audio/mp4',
    extension: 'm4a',
    detected: ['audio/x-m4a', 'audio/mp4', 'video/mp4', 'video/quicktime'],
  },
  { name: 'WebM', mediaType: 'audio/webm', extension: 'webm', detected: ['video/webm', 'audio/webm'] },
  { name: 'AAC', mediaType: 'audio/aac', extension: 'aac', detected: ['audio/aac'] },
  { name: 'AMR', mediaType: 'audio/amr', extension: 'amr', detected: ['audio/amr'] },
  {
    name: 'WMA',
    mediaType: 'audio/x-ms-wma',
    extension: 'wma',
    detected: ['application/vnd.ms-asf', 'audio/x-ms-asf', 'video/x-ms-asf'],
  },
  { name: 'AIFF', mediaType: 'audio/aiff', extension: 'aiff', detected: ['audio/aiff'] },
  {
    name: 'encoded voice',
    mediaType: 'application/octet-stream',
    extension: 'safetensors',
    detected: [VOICE_FILE_DETECTED],
  },
]

export function uploadExtensionOf(mediaType: string): string | undefined {
  return UPLOAD_TYPES.find((type) => type.mediaType === mediaType)?.extension
}

const notAList = 'data_urls must be an array of data: URIs.'

export const uploadSchema = z
  .object({
    data_urls: z
      .array(z.string({ error: notAList }), {
        error: ({ input }) =>
          input === undefined ? 'data_urls is required and must be an array of data: URIs.' : notAList,
      })
      .min(1, 'data_urls must hold at least one data: URI.')
      .max(MAX_UPLOADS_PER_REQUEST, `data_urls must hold at most ${MAX_UPLOADS_PER_REQUEST} data: URIs.`)
      .describe(
        `Recordings as \`data:\` URIs: ${UPLOAD_TYPES.map(({ name }) => name).join(', ')}. At most ${MAX_UPLOADS_PER_REQUEST}.`,
      ),
  })
  .meta({
    description: 'The type of a recording is read off its bytes.',
    examples: [{ data_urls: ['data:audio/wav;base64,UklGRiQAAABXQVZF…'] }],
  })

export const uploadedSchema = z
  .object({
    file_urls: z.array(z.string()).describe('One public URL per recording, in the order sent.'),
    urls: z.array(z.string()).describe('The same list under its other known name.'),
    message: z.string(),
    expires_at: z.string().describe('ISO 8601, UTC. The recordings are deleted after it.'),
  })
  .meta({
    description: 'The recordings are stored.',
    examples: [
      {
        file_urls: ['https://tts.example/assets/5f1c2d8a9be04c7ab3b1d2e37c0a4e55.wav'],
        urls: ['https://tts.example/assets/5f1c2d8a9be04c7ab3b1d2e37c0a4e55.wav'],
        message: 'Files uploaded successfully',
        expires_at: '2026-01-08T00:00:00.000Z',
      },
    ],
  })

export type Uploaded = z.output<typeof uploadedSchema>
