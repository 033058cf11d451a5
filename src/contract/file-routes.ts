// Recordings that are sent here, and files that are asked about.
import { DOWNLOAD, RATE_LIMIT_HEADERS, type RouteContract } from './route.ts'

export const FILE_ROUTES = {
  upload: {
    method: 'POST',
    path: '/v1/upload-asset',
    alsoAt: ['/upload-asset'],
    summary: 'Store recordings and get URLs for them',
    description: 'As `data:` URIs in JSON, or as `file` parts of a multipart body. Use the URLs as `reference_audio`.',
    curl: `curl "$BASE/v1/upload-asset" -H "x-api-key: $KEY" -F file=@voice.wav`,
    access: 'key',
    rateLimited: true,
    body: { schema: 'Upload', multipartFile: 'file' },
    responses: { 200: { description: 'The URLs.', json: ['Uploaded'], headers: RATE_LIMIT_HEADERS } },
    errors: [],
  },
  findProvenance: {
    method: 'POST',
    path: '/v1/provenance',
    summary: 'Ask whether a file was made here',
    description:
      'Every file carries a mark in its metadata: that it is synthetic, and which model, voice and seed made it, signed. Whoever strips the metadata strips the mark: a file without one may still be ours. Bare PCM has no place for it.',
    curl: `curl "$BASE/v1/provenance" -H "x-api-key: $KEY" -F file=@speech.wav`,
    access: 'key',
    rateLimited: true,
    body: { schema: 'ProvenanceRequest', multipartFile: 'file' },
    responses: { 200: { description: 'What is known of it.', json: ['Provenance'], headers: RATE_LIMIT_HEADERS } },
    errors: [],
  },
  downloadUpload: {
    method: 'GET',
    path: '/assets/{file}',
    summary: 'Download an upload',
    curl: `curl "$UPLOAD" -o voice.wav`,
    ...DOWNLOAD,
  },
} as const satisfies Record<string, RouteContract>
