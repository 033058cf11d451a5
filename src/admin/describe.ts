// Accounts, keys, jobs, workers and changes as the JSON that the API answers and that the command line prints with --json.
import type { Account } from '../billing/accounts.ts'
import type { ApiKey } from '../billing/api-keys.ts'
import { creditsFromMicro } from '../billing/prices.ts'
import type {
  AccountAnswer,
  ApiKeyAnswer,
  AuditEntryAnswer,
  JobAnswer,
  JobDetailAnswer,
  WorkersAnswer,
} from '../contract/admin.ts'
import type { Job } from '../jobs/job.ts'
import type { JobSummary } from '../jobs/list.ts'
import type { SeenWorker } from '../jobs/workers.ts'
import type { AuditEntry } from './audit-log.ts'

// A reference may be a recording as a data: URI.
const LONGEST_STRING = 500

const iso = (date: Date): string => date.toISOString()
const isoOrNull = (date: Date | null): string | null => date && iso(date)

export const describeAccount = (account: Account): AccountAnswer => ({
  id: account.id,
  name: account.name,
  credits: creditsFromMicro(account.balanceMicro),
  held: creditsFromMicro(account.heldMicro),
  retention: account.retention,
  result_ttl_hours: account.resultTtlHours,
  suspended_at: isoOrNull(account.suspendedAt),
  created_at: iso(account.createdAt),
})

export const describeApiKey = (key: ApiKey): ApiKeyAnswer => ({
  id: key.id,
  account: key.accountId,
  name: key.name,
  prefix: key.prefix,
  rate_limit_rpm: key.rateLimitRpm,
  max_concurrent: key.maxConcurrent,
  created_at: iso(key.createdAt),
  last_used_at: isoOrNull(key.lastUsedAt),
  revoked_at: isoOrNull(key.revokedAt),
})

export const describeJob = (job: JobSummary): JobAnswer => ({
  id: job.id,
  account: job.accountId,
  key: job.apiKeyId,
  state: job.state,
  dead: job.isDead,
  cancel_requested: job.cancelRequested,
  mode: job.mode,
  retention: job.retention,
  characters: job.characters,
  attempts: job.attempts,
  max_attempts: job.maxAttempts,
  model: job.model,
  worker: job.workerId,
  held: creditsFromMicro(job.holdMicro),
  cost: creditsFromMicro(job.chargedMicro),
  audio_seconds: job.audioSeconds,
  error: job.errorMessage,
  code: job.errorCode as JobAnswer['code'],
  created_at: iso(job.createdAt),
  started_at: isoOrNull(job.startedAt),
  finished_at: isoOrNull(job.finishedAt),
  expires_at: iso(job.expiresAt),
})

/** `job` is undefined for one that has expired and is not swept yet. */
export const describeJobDetail = (summary: JobSummary, job: Job | undefined): JobDetailAnswer => ({
  ...describeJob(summary),
  webhook_url: job?.webhookUrl ?? null,
  request: cutStrings(job?.request ?? null),
  result: job?.state === 'completed' ? job.result : null,
})

export const describeWorkers = (workers: readonly SeenWorker[]): WorkersAnswer => ({
  workers: workers.map(({ id, host, model, version, slots, startedAt, seenAt }) => ({
    id,
    host,
    model,
    version,
    slots,
    started_at: iso(startedAt),
    seen_at: iso(seenAt),
  })),
})

export const describeAuditEntry = (entry: AuditEntry): AuditEntryAnswer => ({
  id: entry.id,
  at: iso(entry.at),
  actor: entry.actor,
  action: entry.action,
  target_kind: entry.targetKind,
  target: entry.targetId,
  account: entry.accountId,
  note: entry.note,
  before: entry.before as AuditEntryAnswer['before'],
  after: entry.after as AuditEntryAnswer['after'],
})

function cutStrings(value: unknown): unknown {
  if (typeof value === 'string') return value.length > LONGEST_STRING ? `${value.slice(0, LONGEST_STRING)}…` : value
  if (Array.isArray(value)) return value.map(cutStrings)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, cutStrings(inner)]))
}
