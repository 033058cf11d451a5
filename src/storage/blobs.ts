// Bytes by key, durable before `put` returns: what a committed row points to is there, whatever dies. Knows no store.

export interface StoredBlob {
  readonly key: string
  readonly modifiedAt: Date
}

export interface Blobs {
  /** Durable when it resolves. A key that exists is replaced as a whole: readers see the old bytes or the new ones. */
  put(key: string, bytes: Uint8Array): Promise<void>
  read(key: string): Promise<Uint8Array | undefined>
  /** No error when there is none. */
  delete(key: string): Promise<void>
  /** Everything whose key begins with the folder `folder/`, including what an interrupted `put` has left. */
  list(folder: string): AsyncIterable<StoredBlob>
}

// Keys are made by us, never by callers: `outputs/4f/4f…-9c…`. No segment begins with a dot, so none leads out of the store.
export const BLOB_KEY = /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*$/
