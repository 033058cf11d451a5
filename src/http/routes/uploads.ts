// POST /v1/upload-asset: recordings in, public URLs out.
import { fileTypeFromBuffer } from 'file-type'
import {
  MAX_UPLOADS_PER_REQUEST,
  UPLOAD_TYPES,
  type Uploaded,
  uploadSchema,
  VOICE_FILE_DETECTED,
} from '../../contract/uploads.ts'
import { validate } from '../../contract/validate.ts'
import { AppError, invariant } from '../../errors.ts'
import { createUpload } from '../../storage/uploads.ts'
import { parseDataUri } from '../../synthesis/data-uri.ts'
import { isEncodedVoice } from '../../synthesis/voices.ts'
import type { ParsedBody } from '../body.ts'
import { publicUrl } from '../public-url.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'

interface NewFile {
  /** How the caller knows it: `data_urls[0]`, `file`. */
  readonly label: string
  readonly bytes: Uint8Array
}

export function upload({ config, db, blobs }: Services): Handler {
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'uploading needs a caller')
    const files = readFiles(request.body as ParsedBody, config.MAX_BODY_MB * 1024 * 1024)
    // All are recognised before one is stored: a refused request leaves nothing behind.
    const recognised = await Promise.all(files.map(recognise))
    const expiresAt = new Date(Date.now() + config.RESULT_TTL_HOURS * 3_600_000)
    const urls: string[] = []
    for (const { bytes, mediaType, extension } of recognised) {
      const { token } = await createUpload(db, blobs, { accountId: caller.accountId, mediaType, bytes, expiresAt })
      urls.push(`${publicUrl(config, request)}/assets/${token}.${extension}`)
    }
    return reply.send({
      file_urls: urls,
      urls,
      message: 'Files uploaded successfully',
      expires_at: expiresAt.toISOString(),
    } satisfies Uploaded)
  }
}

function readFiles(body: ParsedBody, maxBytes: number): NewFile[] {
  if (body.kind === 'multipart') {
    if (body.files.length === 0) {
      throw new AppError('missing_parameter', 'file is required and must be a file.', { param: 'file' })
    }
    if (body.files.length > MAX_UPLOADS_PER_REQUEST) {
      const message = `A request may upload at most ${MAX_UPLOADS_PER_REQUEST} files.`
      throw new AppError('invalid_parameter', message, { param: 'file' })
    }
    return body.files.map(({ name, bytes }) => ({ label: name, bytes }))
  }
  return validate(uploadSchema, body.value).data_urls.map((uri, index) => {
    const label = `data_urls[${index}]`
    const data = /^data:/i.test(uri) ? parseDataUri(uri, maxBytes) : undefined
    if (data?.kind !== 'bytes') {
      const message = `${label} must be a data: URI such as data:audio/wav;base64,UklGR….`
      throw new AppError('invalid_parameter', message, { param: 'data_urls' })
    }
    return { label, bytes: data.bytes }
  })
}

/** The type is read off the bytes: what a caller says of them would be repeated to whoever downloads them. */
async function recognise({ label, bytes }: NewFile) {
  const found = isEncodedVoice(bytes) ? VOICE_FILE_DETECTED : (await fileTypeFromBuffer(bytes))?.mime
  const type = UPLOAD_TYPES.find(({ detected }) => detected.some((mime) => mime === found))
  if (type) return { ...type, bytes }
  const accepted = UPLOAD_TYPES.map(({ name }) => name).join(', ')
  const param = label.replace(/\[.*/, '')
  throw new AppError('invalid_parameter', `${label} is not a recording of a known kind: ${accepted}.`, { param })
}
