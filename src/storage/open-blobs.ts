// The blob store that the settings name, tried before anything relies on it.
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { BlobStoreError, type Blobs } from './blobs.ts'
import { createFileBlobs } from './file-blobs.ts'
import { newId } from './ids.ts'
import { createS3Blobs } from './s3-blobs.ts'

export type BlobPlace = Pick<Config, 'BLOB_URL' | 'BLOB_ENDPOINT' | 'BLOB_REGION' | 'DATA_DIR'>

const TRIALS_FOLDER = 'trials'
const LEFT_BEHIND_AFTER_MS = 3_600_000
/** Stores that are not Amazon's take any region, but every request is signed for one. */
const ANY_REGION = 'us-east-1'

/**
 * Opens the store of BLOB_URL, or the folder `blobs` in DATA_DIR, and stores, reads, lists and deletes a few bytes in it.
 * Throws BlobStoreError that says in words what is wrong.
 */
export async function openBlobs(place: BlobPlace): Promise<Blobs & AsyncDisposable> {
  const blobs = await createBlobs(place)
  try {
    await tryBlobs(blobs)
    return blobs
  } catch (error) {
    await blobs[Symbol.asyncDispose]()
    throw error
  }
}

/** What a person calls the store. */
export function describeBlobPlace({ BLOB_URL, BLOB_ENDPOINT, DATA_DIR }: BlobPlace): string {
  if (BLOB_URL?.startsWith('s3:')) return BLOB_ENDPOINT === undefined ? BLOB_URL : `${BLOB_URL} at ${BLOB_ENDPOINT}`
  return folderOf(BLOB_URL, DATA_DIR)
}

async function createBlobs({ BLOB_URL, BLOB_ENDPOINT, BLOB_REGION, DATA_DIR }: BlobPlace) {
  if (!BLOB_URL?.startsWith('s3:')) {
    return { ...createFileBlobs(folderOf(BLOB_URL, DATA_DIR)), [Symbol.asyncDispose]: async () => {} }
  }
  const { host, pathname } = new URL(BLOB_URL)
  return createS3Blobs({
    bucket: host,
    prefix: decodeURIComponent(pathname).replace(/^\/+|\/+$/g, ''),
    endpoint: BLOB_ENDPOINT,
    region: BLOB_REGION ?? (BLOB_ENDPOINT === undefined ? undefined : ANY_REGION),
  })
}

const folderOf = (url: string | undefined, dataDir: string): string =>
  url === undefined ? path.join(path.resolve(dataDir), 'blobs') : fileURLToPath(url)

/** Every right that is needed later, used once: a bucket that can be read and not written would be noticed with the first customer. */
async function tryBlobs(blobs: Blobs): Promise<void> {
  const key = `${TRIALS_FOLDER}/${newId()}`
  const bytes = Buffer.from('Written by chatterbox at its start, and deleted at once.\n')
  try {
    await blobs.put(key, bytes)
    const stored = await blobs.read(key)
    if (!stored || !bytes.equals(stored))
      throw new BlobStoreError('The blob store does not give back what it is given.')
    let listed = false
    for await (const found of blobs.list(TRIALS_FOLDER)) {
      listed ||= found.key === key
      // Somebody else's, who was killed half-way.
      if (found.modifiedAt.getTime() < Date.now() - LEFT_BEHIND_AFTER_MS) await blobs.delete(found.key)
    }
    if (!listed) throw new BlobStoreError('The blob store does not list what it is given.')
    await blobs.delete(key)
  } catch (error) {
    // "Try again later" is for callers; whoever starts a server wants to know what does not answer.
    throw error instanceof AppError && error.cause instanceof BlobStoreError ? error.cause : error
  }
}
