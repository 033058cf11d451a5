// Ids of requests as callers write them. A caller's own x-request-id is not believed: results are found by ours.
import { isId } from '../storage/ids.ts'

/** An id as a caller writes it, perhaps with the dashes of a UUID; undefined if it cannot be one of ours. */
export function readRequestId(written: string): string | undefined {
  const id = written.replaceAll('-', '').toLowerCase()
  return isId(id) ? id : undefined
}
