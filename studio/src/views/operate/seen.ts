// What the operator's desk knows of the server, and how it changes it.
import type { AccountAnswer, ApiKeyAnswer, JobAnswer, WorkersAnswer } from '../../../../src/contract/admin.ts'

export interface Seen {
  readonly accounts: readonly AccountAnswer[]
  readonly keys: readonly ApiKeyAnswer[]
  readonly jobs: readonly JobAnswer[]
  readonly workers: WorkersAnswer['workers']
}

/** Does it, says what was done, and looks again. */
export type Act = (done: string, change: () => Promise<unknown>) => Promise<void>
