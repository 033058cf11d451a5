// The tables of migrations/ as types. Each belongs to one room, and only that room names it in SQL: accounts, api_keys, ledger and
// rate_limits to billing (jobs moves the money of its jobs in its own statements, and keeps the turns), jobs, job_pieces, job_events,
// workers and usage_days to jobs, uploads and voices to storage, audit_log to admin, the webhook tables to webhooks (which also empties
// job_events, and reads in jobs where a request wants its webhook).
import type { Generated } from 'kysely'

interface AccountsTable {
  id: string
  name: string
  balance_micro: Generated<number>
  held_micro: Generated<number>
  sync_turn: Generated<number>
  async_turn: Generated<number>
  suspended_at: Date | null
  retention: Generated<'normal' | 'none'>
  result_ttl_hours: number | null
  created_at: Generated<Date>
}

interface ApiKeysTable {
  id: string
  account_id: string
  name: string
  prefix: string
  key_sha256: Uint8Array
  rate_limit_rpm: number | null
  max_concurrent: number | null
  created_at: Generated<Date>
  last_used_at: Date | null
  revoked_at: Date | null
}

interface LedgerTable {
  id: Generated<number>
  account_id: string
  kind: 'grant' | 'charge'
  amount_micro: number
  job_id: string | null
  piece: number | null
  note: string | null
  idempotency_key: string | null
  at: Generated<Date>
}

interface UploadsTable {
  token: string
  account_id: string
  blob_key: string
  media_type: string
  bytes: number
  created_at: Generated<Date>
  expires_at: Date
}

interface VoicesTable {
  id: string
  account_id: string
  name: string
  description: string | null
  consent: string
  consent_at: Generated<Date>
  kind: 'recording' | 'encoded'
  sha256: string
  blob_key: string
  bytes: number
  seconds: number | null
  sent_seconds: number | null
  start_seconds: number | null
  checks: unknown
  model: string | null
  version: string | null
  created_at: Generated<Date>
  deleted_at: Date | null
}

export interface JobsTable {
  id: string
  account_id: string
  api_key_id: string
  state: 'queued' | 'running' | 'completed' | 'failed' | 'cancelled'
  request: unknown
  mode: Generated<'sync' | 'async'>
  characters: Generated<number>
  turn: Generated<number>
  queued_at: Generated<Date>
  run_at: Date | null
  attempts: Generated<number>
  max_attempts: Generated<number>
  cancel_requested: Generated<boolean>
  started_at: Date | null
  worker_id: string | null
  model: string | null
  input_blob_key: string | null
  webhook_url: string | null
  retention: Generated<'normal' | 'none'>
  stream: Generated<boolean>
  hold_micro: number
  charged_micro: Generated<number>
  idempotency_key: string | null
  request_hash: string | null
  lease_token: string | null
  lease_until: Date | null
  attended_until: Generated<Date | string>
  charge_micro: number | null
  result: unknown
  output_token: string | null
  output_blob_key: string | null
  output_media_type: string | null
  output_bytes: number | null
  output_sha256: string | null
  output_audio_seconds: number | null
  voice_blob_key: string | null
  error_code: string | null
  error_message: string | null
  error_param: string | null
  created_at: Generated<Date>
  finished_at: Date | null
  expires_at: Date
}

interface JobPiecesTable {
  job_id: string
  index: number
  part: Generated<number>
  is_last: Generated<boolean>
  blob_key: string
  samples: number
  sample_rate: number
  guards: unknown
  engine_seconds: number
  charge_micro: Generated<number>
  model: string | null
  version: string | null
}

interface WorkersTable {
  id: string
  host: string
  model: string
  version: string
  slots: number
  started_at: Generated<Date>
  seen_at: Generated<Date>
}

interface JobEventsTable {
  id: Generated<number>
  job_id: string
  account_id: string
  kind: 'completed' | 'failed' | 'cancelled'
  at: Generated<Date>
}

interface UsageDaysTable {
  day: Date
  account_id: string
  api_key_id: string
  model: string
  requests: Generated<number>
  failed: Generated<number>
  characters: Generated<number>
  audio_seconds: Generated<number>
  cost_micro: Generated<number>
}

interface WebhooksTable {
  id: string
  account_id: string
  url: string
  events: ('completed' | 'failed' | 'cancelled')[]
  description: string | null
  secret: string
  previous_secret: string | null
  previous_until: Date | null
  created_at: Generated<Date>
  disabled_at: Date | null
}

interface WebhookSecretsTable {
  account_id: string
  secret: string
  previous_secret: string | null
  previous_until: Date | null
}

interface WebhookDeliveriesTable {
  id: string
  account_id: string
  webhook_id: string | null
  job_id: string | null
  event: 'completed' | 'failed' | 'cancelled' | 'test'
  event_at: Date
  url: string
  host: string
  state: Generated<'pending' | 'delivered' | 'failed'>
  due_at: Generated<Date>
  lease_token: string | null
  tries: Generated<number>
  created_at: Generated<Date>
  finished_at: Date | null
}

interface WebhookAttemptsTable {
  delivery_id: string
  number: number
  at: Date
  milliseconds: number
  status_code: number | null
  answer: string | null
  error: string | null
}

interface AuditLogTable {
  id: Generated<number>
  at: Generated<Date>
  actor: string
  action: string
  target_kind: 'account' | 'key' | 'job'
  target_id: string
  account_id: string
  note: string | null
  before: unknown
  after: unknown
}

interface SecretsTable {
  purpose: string
  bytes: Uint8Array
  created_at: Generated<Date>
}

interface RateLimitsTable {
  subject: string
  arrival_us: number
}

export interface Tables {
  accounts: AccountsTable
  api_keys: ApiKeysTable
  ledger: LedgerTable
  uploads: UploadsTable
  voices: VoicesTable
  jobs: JobsTable
  job_pieces: JobPiecesTable
  job_events: JobEventsTable
  workers: WorkersTable
  usage_days: UsageDaysTable
  audit_log: AuditLogTable
  rate_limits: RateLimitsTable
  secrets: SecretsTable
  webhooks: WebhooksTable
  webhook_secrets: WebhookSecretsTable
  webhook_deliveries: WebhookDeliveriesTable
  webhook_attempts: WebhookAttemptsTable
}
