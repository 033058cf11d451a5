import { Refusal } from './api.ts'
import { noticeServerGone } from './session.ts'

/** An error in words for people. A server that does not answer is noticed by the whole studio. */
export function wordsOf(error: unknown): string {
  if (error instanceof Refusal && error.status === 0) noticeServerGone()
  return error instanceof Error ? error.message : String(error)
}
