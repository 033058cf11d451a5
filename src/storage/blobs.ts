// Bytes by key, durable before `put` returns: what a committed row points to is there, whatever dies. Knows no store.
import type { Readable } from 'node:stream'

export interface StoredBlob {
  readonly key: string
  readonly modifiedAt: Date
}

/** Bytes from `start` up to, not including, `end`: at least one. */
export interface BlobRange {
  readonly start: number
  readonly end: number
}

export type BlobBlocks = AsyncGenerator<Uint8Array, Uint8Array | undefined, void>

/**
 * Every method throws AppError `unavailable` when the store does not answer for the moment, after tries of its own, and BlobStoreError
 * when it never will as things are set up.
 */
export interface Blobs {
  /** Durable when it resolves. A key that exists is replaced as a whole: readers see the old bytes or the new ones. */
  put(key: string, bytes: Uint8Array): Promise<void>
  /**
   * As `put`, of bytes that come in blocks and are never in memory as a whole. What the generator returns takes the place of the first bytes: a
   * head that only the end could tell, in the first 5 MiB. What it throws is thrown, and nothing is stored.
   */
  putBlocks(key: string, blocks: BlobBlocks): Promise<void>
  /** undefined: there is none. */
  read(key: string): Promise<Uint8Array | undefined>
  /**
   * A range of a blob as it comes from the store, a few tens of kilobytes at a time; undefined: there is none. Whoever does not read the
   * stream to its end destroys it. A store that fails half-way is an error of the stream.
   */
  stream(key: string, range: BlobRange): Promise<Readable | undefined>
  /** In bytes; undefined: there is none. */
  size(key: string): Promise<number | undefined>
  /** No error when there is none. */
  delete(key: string): Promise<void>
  /** Everything whose key begins with the folder `folder/`, including what an interrupted `put` has left. */
  list(folder: string): AsyncIterable<StoredBlob>
}

/** The store cannot be used as it is set up: no such bucket, no right to it. The message says what to do. */
export class BlobStoreError extends Error {}

// Keys are made by us, never by callers: `outputs/4f/4f…-9c…`. No segment begins with a dot, so none leads out of the store.
export const BLOB_KEY = /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*$/
