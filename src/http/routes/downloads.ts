// GET /outputs/{file} and GET /assets/{file}: public files under unguessable names, gone when they expire.
import { extensionOf } from '../../contract/speech.ts'
import { uploadExtensionOf } from '../../contract/uploads.ts'
import { findOutput } from '../../jobs/outputs.ts'
import { findUpload } from '../../storage/uploads.ts'
import { forgetWhenSent } from '../forget-when-sent.ts'
import type { Handler } from '../routing.ts'
import { gone, sendFile } from '../send-file.ts'
import type { Services } from '../services.ts'

export function downloadOutput(services: Services): Handler {
  const { db, blobs } = services
  return async (request, reply) => {
    const { token, extension } = readFileName(request.params)
    const output = await findOutput(db, token)
    if (!output || extensionOf(output.mediaType) !== extension) throw gone()
    const isPassing = output.retention === 'none'
    if (isPassing) forgetWhenSent(services, request, reply, output.jobId)
    return sendFile(request, reply, blobs, {
      ...output,
      isPassing,
      etag: output.sha256,
      fileName: `${output.jobId}.${extension}`,
    })
  }
}

export function downloadUpload({ db, blobs }: Services): Handler {
  return async (request, reply) => {
    const { token, extension } = readFileName(request.params)
    const upload = await findUpload(db, token)
    if (!upload || uploadExtensionOf(upload.mediaType) !== extension) throw gone()
    return sendFile(request, reply, blobs, { ...upload, etag: token, fileName: `${token}.${extension}` })
  }
}

function readFileName(parameters: unknown): { token: string; extension: string } {
  const match = /^([0-9a-f]{32})\.([a-z0-9]{1,16})$/.exec((parameters as { file: string }).file)
  if (!match?.[1] || !match[2]) throw gone()
  return { token: match[1], extension: match[2] }
}
