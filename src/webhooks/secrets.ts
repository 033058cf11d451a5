// Secrets that sign messages, and the overlap after a rotation in which the old one still signs as well. Owns the table webhook_secrets:
// the secret of each account for URLs that came with a request.
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'

/** Time for a receiver to be given the new secret. */
export const OVERLAP_HOURS = 24

export interface SigningSecrets {
  readonly secret: string
  /** Signs as well, until the overlap ends. */
  readonly previousSecret: string | undefined
}

export interface RotatedSecret {
  readonly secret: string
  /** Until then the old secret signs as well. */
  readonly previousUntil: Date
}

/** 256 random bits in the form of Standard Webhooks: `whsec_` and base64. */
export const makeSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`

/** The account's secret for URLs that come with requests; made by the first call. */
export async function findAccountSecret(db: Database, accountId: string): Promise<SigningSecrets> {
  const statement = sql<SigningSecrets & { previousSecret: string | null }>`
    with made as (
      insert into webhook_secrets (account_id, secret) values (${accountId}, ${makeSecret()})
      on conflict (account_id) do nothing
      returning secret
    )
    select secret, null as "previousSecret" from made
    union all
    select secret, case when previous_until > now() then previous_secret end
    from webhook_secrets where account_id = ${accountId}
  `
  // No row: another process has made it since the statement began. The next attempt sees it.
  for (;;) {
    const [found] = (await retryTransient(() => statement.execute(db))).rows
    if (found) return { secret: found.secret, previousSecret: found.previousSecret ?? undefined }
  }
}

/** A new secret for the account. Of several rotations within the overlap, the last two secrets sign. */
export async function rotateAccountSecret(db: Database, accountId: string): Promise<RotatedSecret> {
  await findAccountSecret(db, accountId)
  const secret = makeSecret()
  const { rows } = await retryTransient(() =>
    sql<RotatedSecret>`
      update webhook_secrets set ${rotation(secret)}
      where account_id = ${accountId}
      returning secret, previous_until as "previousUntil"
    `.execute(db),
  )
  return rows[0] as RotatedSecret
}

/** What an update sets to put `secret` in the place of a row's secret. Set twice, because the first answer was lost, it changes nothing. */
export const rotation = (secret: string) => sql`
  secret = ${secret},
  previous_secret = case when secret = ${secret} then previous_secret else secret end,
  previous_until = case when secret = ${secret} then previous_until else now() + ${OVERLAP_HOURS} * interval '1 hour' end
`
