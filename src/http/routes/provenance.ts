// POST /v1/provenance: is this file ours?
import { createHash } from 'node:crypto'
import { type Provenance, provenanceRequestSchema } from '../../contract/provenance.ts'
import { validate } from '../../contract/validate.ts'
import { AppError, invariant } from '../../errors.ts'
import { findJobOfOutput } from '../../jobs/outputs.ts'
import { findSecret } from '../../storage/secrets.ts'
import { parseDataUri } from '../../synthesis/data-uri.ts'
import { findMark } from '../../synthesis/provenance.ts'
import type { ParsedBody } from '../body.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'

export function findProvenance({ config, db }: Services): Handler {
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'looking for the origin of a file needs a caller')
    const file = readFile(request.body as ParsedBody, config.MAX_BODY_MB * 2 ** 20)
    const mark = findMark(file, await findSecret(db, 'provenance'))
    const sha256 = createHash('sha256').update(file).digest('hex')
    const jobId = await findJobOfOutput(db, caller.accountId, sha256)
    return reply.header('cache-control', 'no-store').send({
      ours: mark?.signature === 'valid' || jobId !== undefined,
      mark: mark ?? null,
      request_id: jobId ?? null,
    } satisfies Provenance)
  }
}

function readFile(body: ParsedBody, maxBytes: number): Uint8Array {
  if (body.kind === 'json') {
    const uri = validate(provenanceRequestSchema, body.value).file
    const data = /^data:/i.test(uri) ? parseDataUri(uri, maxBytes) : undefined
    if (data?.kind === 'bytes') return data.bytes
    throw new AppError('invalid_parameter', 'file must be a data: URI such as data:audio/mpeg;base64,SUQz….', {
      param: 'file',
    })
  }
  const file = body.files.find(({ name }) => name === 'file')
  if (!file) throw new AppError('missing_parameter', 'file is required and must be a file.', { param: 'file' })
  return file.bytes
}
