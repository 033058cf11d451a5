// Bytes by key in a bucket of Amazon S3 or of anything that speaks its language. The only door to @aws-sdk/client-s3, which is loaded
// when it is used and not before: 22 MB that a folder does not need.
import type { Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import { invariant } from '../errors.ts'
import { BLOB_KEY, BlobStoreError, type Blobs } from './blobs.ts'
import { explainS3Error, isNotFound } from './s3-errors.ts'
import { type PartedUpload, putInParts } from './s3-parts.ts'

export interface S3Place {
  readonly bucket: string
  /** In front of every key, without slashes around it; may be empty. */
  readonly prefix: string
  /** Base URL of a store that is not Amazon's. */
  readonly endpoint: string | undefined
  /** undefined: from the environment or the profile of the machine, as every program that uses S3 finds it. */
  readonly region: string | undefined
}

export interface S3Timing {
  /** For a connection to be made. */
  readonly connectMs: number
  /** For the head of an answer, sending the bytes included: 32 MiB over 10 Mbit/s take 27 s. */
  readonly answerMs: number
  /** Without a byte in either direction. A download that pauses for longer is continued by its client with a range. */
  readonly idleMs: number
}

const TIMING: S3Timing = { connectMs: 3000, answerMs: 30_000, idleMs: 30_000 }
/** The first try included; the driver waits 0.1 s, 0.2 s, … between them, somewhat at random. */
const TRIES = 4

/** Throws BlobStoreError when the driver is not installed. Credentials are those that the driver finds: environment, profile, role. */
export async function createS3Blobs(place: S3Place, timing: S3Timing = TIMING): Promise<Blobs & AsyncDisposable> {
  const s3 = await loadDriver()
  const { bucket, prefix, endpoint } = place
  const client: S3Client = new s3.S3Client({
    ...(place.region === undefined ? {} : { region: place.region }),
    // A bucket as a host name needs DNS that only Amazon is sure to have.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    maxAttempts: TRIES,
    // Newer checksums come in a trailer that many stores keep as part of the content (docs/lab-notes.md, 2026-11-22).
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: timing.connectMs,
      requestTimeout: timing.answerMs,
      throwOnRequestTimeout: true,
      socketTimeout: timing.idleMs,
      // The default of 50 would let as many slow downloads keep everybody else from storing anything.
      httpAgent: { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY },
      httpsAgent: { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY },
    },
  })

  const nameOf = (key: string): string => {
    invariant(BLOB_KEY.test(key), `${JSON.stringify(key)} is no blob key`)
    return prefix === '' ? key : `${prefix}/${key}`
  }
  const ask = async <T>(question: Promise<T>): Promise<T | undefined> =>
    question.catch((error: unknown) => {
      if (isNotFound(error)) return undefined
      throw explainS3Error(error, place)
    })
  const get = async (key: string, range?: string) => {
    const found = await ask(client.send(new s3.GetObjectCommand({ Bucket: bucket, Key: nameOf(key), Range: range })))
    return found?.Body
  }

  const put = async (key: string, bytes: Uint8Array) => {
    const object = { Bucket: bucket, Key: nameOf(key), Body: bytes, ContentLength: bytes.byteLength }
    await ask(client.send(new s3.PutObjectCommand(object)))
  }
  return {
    put,
    putBlocks: (key, blocks) => {
      const object = { Bucket: bucket, Key: nameOf(key) }
      return putInParts(
        blocks,
        () => beginUpload(s3, client, object, ask),
        (bytes) => put(key, bytes),
      )
    },
    read: async (key) => {
      // The driver repeats what got no answer; an answer that breaks off is ours to repeat.
      for (let attempt = 1; ; attempt++) {
        const body = await get(key)
        try {
          return await body?.transformToByteArray()
        } catch (error) {
          if (attempt === TRIES) throw explainS3Error(error, place)
        }
      }
    },
    stream: async (key, { start, end }) => (await get(key, `bytes=${start}-${end - 1}`)) as Readable | undefined,
    size: async (key) => {
      const found = await ask(client.send(new s3.HeadObjectCommand({ Bucket: bucket, Key: nameOf(key) })))
      return found?.ContentLength
    },
    delete: async (key) => {
      await ask(client.send(new s3.DeleteObjectCommand({ Bucket: bucket, Key: nameOf(key) })))
    },
    list: async function* (folder) {
      const under = `${nameOf(folder)}/`
      let next: string | undefined
      do {
        const page = await ask(
          client.send(new s3.ListObjectsV2Command({ Bucket: bucket, Prefix: under, ContinuationToken: next })),
        )
        for (const { Key, LastModified } of page?.Contents ?? []) {
          if (Key && LastModified) yield { key: `${folder}/${Key.slice(under.length)}`, modifiedAt: LastModified }
        }
        next = page?.NextContinuationToken
      } while (next !== undefined)
    },
    [Symbol.asyncDispose]: async () => client.destroy(),
  }
}

type Ask = <T>(question: Promise<T>) => Promise<T | undefined>

async function beginUpload(
  s3: typeof import('@aws-sdk/client-s3'),
  client: S3Client,
  object: { readonly Bucket: string; readonly Key: string },
  ask: Ask,
): Promise<PartedUpload> {
  const begun = await ask(client.send(new s3.CreateMultipartUploadCommand(object)))
  const upload = { ...object, UploadId: begun?.UploadId }
  const tags = new Map<number, string | undefined>()
  return {
    put: async (number, bytes) => {
      const part = { ...upload, PartNumber: number, Body: bytes, ContentLength: bytes.byteLength }
      tags.set(number, (await ask(client.send(new s3.UploadPartCommand(part))))?.ETag)
    },
    complete: async () => {
      const Parts = [...tags].map(([PartNumber, ETag]) => ({ PartNumber, ETag }))
      Parts.sort((a, b) => a.PartNumber - b.PartNumber)
      const whole = { ...upload, MultipartUpload: { Parts } }
      const done = await ask(client.send(new s3.CompleteMultipartUploadCommand(whole)))
      invariant(done, 'the store has lost an upload in parts')
    },
    abort: async () => {
      await ask(client.send(new s3.AbortMultipartUploadCommand(upload)))
    },
  }
}

async function loadDriver(): Promise<typeof import('@aws-sdk/client-s3')> {
  try {
    return await import('@aws-sdk/client-s3')
  } catch (cause) {
    throw new BlobStoreError(
      'BLOB_URL names an S3 bucket, but the package @aws-sdk/client-s3 is not installed: `npm install @aws-sdk/client-s3`.',
      { cause },
    )
  }
}
