// The jobs of all accounts for whoever runs the server, newest first, page by page. What was asked for is not in a list.
import { sql } from 'kysely'
import { createdUs, cutPage, isOlder, type Page, type Place } from '../storage/pages.ts'
import type { Database } from '../storage/postgres.ts'
import type { JobMode, Retention } from './job.ts'
import { isDead } from './requeue.ts'

export const JOB_STATES = ['queued', 'running', 'completed', 'failed', 'cancelled'] as const
export type JobState = (typeof JOB_STATES)[number]

export interface JobFilter {
  /** `dead`: failed, and can be requeued. */
  readonly state?: JobState | 'dead' | undefined
  readonly mode?: JobMode | undefined
  readonly accountId?: string | undefined
  readonly id?: string | undefined
  readonly createdAfter?: Date | undefined
  readonly createdBefore?: Date | undefined
}

export interface JobSummary {
  readonly id: string
  readonly accountId: string
  readonly apiKeyId: string
  readonly state: JobState
  readonly isDead: boolean
  readonly mode: JobMode
  readonly retention: Retention
  readonly characters: number
  readonly attempts: number
  readonly maxAttempts: number
  readonly cancelRequested: boolean
  readonly model: string | null
  readonly workerId: string | null
  readonly holdMicro: number
  readonly chargedMicro: number
  readonly audioSeconds: number | null
  readonly errorCode: string | null
  readonly errorMessage: string | null
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
  readonly expiresAt: Date
}

export interface JobPage {
  readonly jobs: readonly JobSummary[]
  /** Where the next page begins; undefined: this was the last. */
  readonly next: Place | undefined
}

/**
 * Those that fit `filter`, from behind `after` on. Pages neither repeat nor leave out a job, whatever is added meanwhile: new jobs come
 * before the first page.
 */
export async function listJobs(db: Database, filter: JobFilter, page: Page): Promise<JobPage> {
  const { state, mode, accountId, id, createdAfter, createdBefore } = filter
  const conditions = [
    ...(state === 'dead' ? [isDead] : state === undefined ? [] : [sql`state = ${state}`]),
    ...(mode === undefined ? [] : [sql`mode = ${mode}`]),
    ...(accountId === undefined ? [] : [sql`account_id = ${accountId}`]),
    ...(id === undefined ? [] : [sql`id = ${id}`]),
    ...(createdAfter === undefined ? [] : [sql`created_at > ${createdAfter}`]),
    ...(createdBefore === undefined ? [] : [sql`created_at < ${createdBefore}`]),
    ...(page.after === undefined ? [] : [isOlder(page.after)]),
  ]
  const { rows } = await sql<JobSummary & { createdUs: number }>`
    select
      id, account_id as "accountId", api_key_id as "apiKeyId", state, ${isDead} as "isDead", mode, retention, characters,
      attempts, max_attempts as "maxAttempts", cancel_requested as "cancelRequested", model, worker_id as "workerId",
      hold_micro as "holdMicro", charged_micro as "chargedMicro", output_audio_seconds as "audioSeconds",
      error_code as "errorCode", error_message as "errorMessage", created_at as "createdAt", started_at as "startedAt",
      finished_at as "finishedAt", expires_at as "expiresAt", ${createdUs} as "createdUs"
    from jobs
    where ${conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `)}
    order by created_at desc, id desc
    limit ${page.limit + 1}
  `.execute(db)
  const { rows: jobs, next } = cutPage(rows, page.limit)
  return { jobs, next }
}
