// A multipart/form-data body → text fields and files. The body is already in memory and bounded, so parsing is one pass.
import { Busboy } from '@fastify/busboy'
import { AppError } from '../errors.ts'

export interface MultipartFile {
  readonly name: string
  readonly bytes: Uint8Array
}

export interface MultipartBody {
  readonly kind: 'multipart'
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly files: readonly MultipartFile[]
}

/** Far above any honest form: the contract has ten parameters, an upload at most sixteen files. */
const MAX_PARTS = 64

/** Throws `malformed_request` for anything that is not a complete multipart body. */
export function parseMultipart(contentType: string, body: Buffer): Promise<MultipartBody> {
  const fields: [string, string][] = []
  const files: MultipartFile[] = []
  const broken = (cause?: unknown) =>
    new AppError('malformed_request', 'The multipart body is broken: it must end with its boundary.', { cause })

  const nameless = () => new AppError('malformed_request', 'Every part of a multipart body needs a name.')

  return new Promise((resolve, reject) => {
    let parser: InstanceType<typeof Busboy>
    try {
      parser = new Busboy({
        headers: { 'content-type': contentType },
        // The limits below bound counts; sizes are bounded by the body itself.
        limits: {
          parts: MAX_PARTS,
          headerPairs: 32,
          fieldNameSize: 200,
          fieldSize: body.length,
          fileSize: body.length,
        },
      })
    } catch (cause) {
      reject(new AppError('malformed_request', 'A multipart body needs a boundary in its Content-Type.', { cause }))
      return
    }
    // Busboy's types promise a name; a part without one has none all the same.
    parser.on('field', (name: string | undefined, value) => {
      if (name === undefined) reject(nameless())
      else fields.push([name, value])
    })
    parser.on('file', (name: string | undefined, stream) => {
      if (name === undefined) {
        stream.resume()
        reject(nameless())
        return
      }
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('error', (cause) => reject(broken(cause)))
      stream.on('end', () => files.push({ name, bytes: Buffer.concat(chunks) }))
    })
    parser.on('partsLimit', () =>
      reject(new AppError('malformed_request', `A multipart body may have at most ${MAX_PARTS} parts.`)),
    )
    parser.on('error', (cause) => reject(broken(cause)))
    parser.on('finish', () => resolve({ kind: 'multipart', fields, files }))
    parser.end(body)
  })
}
