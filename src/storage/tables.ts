// The tables of migrations/ as types. Each belongs to one room, and only that room names it in SQL: accounts, api_keys, ledger and
// rate_limits to billing (jobs moves the money of its jobs in its own statements), jobs to jobs, uploads to storage.
import type { Generated } from 'kysely'

interface AccountsTable {
  id: string
  name: string
  balance_micro: Generated<number>
  held_micro: Generated<number>
  created_at: Generated<Date>
}

interface ApiKeysTable {
  id: string
  account_id: string
  name: string
  prefix: string
  key_sha256: Uint8Array
  rate_limit_rpm: number | null
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
  note: string | null
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

export interface JobsTable {
  id: string
  account_id: string
  api_key_id: string
  state: 'queued' | 'running' | 'completed' | 'failed' | 'cancelled'
  request: unknown
  hold_micro: number
  idempotency_key: string | null
  request_hash: string | null
  lease_token: string | null
  lease_until: Date | null
  charge_micro: number | null
  result: unknown
  output_token: string | null
  output_blob_key: string | null
  output_media_type: string | null
  output_bytes: number | null
  output_sha256: string | null
  output_audio_seconds: number | null
  error_code: string | null
  error_message: string | null
  error_param: string | null
  created_at: Generated<Date>
  finished_at: Date | null
  expires_at: Date
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
  jobs: JobsTable
  rate_limits: RateLimitsTable
}
