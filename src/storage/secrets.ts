// Random bytes that every process on the database shares, by purpose. Owns the table secrets.
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Database } from './postgres.ts'
import { retryTransient } from './transient.ts'

export type SecretPurpose = 'provenance'

/** 32 bytes, made by whoever asks first; the same for everybody ever after. */
export async function findSecret(db: Database, purpose: SecretPurpose): Promise<Uint8Array> {
  const known = await retryTransient(() =>
    db.selectFrom('secrets').select('bytes').where('purpose', '=', purpose).executeTakeFirst(),
  )
  if (known) return known.bytes
  const statement = sql<{ bytes: Uint8Array }>`
    with made as (
      insert into secrets (purpose, bytes) values (${purpose}, ${randomBytes(32)})
      on conflict (purpose) do nothing
      returning bytes
    )
    select bytes from made
    union all
    select bytes from secrets where purpose = ${purpose}
  `
  // No row: another process has made it since the statement began. The next attempt sees it.
  for (;;) {
    const { rows } = await retryTransient(() => statement.execute(db))
    if (rows[0]) return rows[0].bytes
  }
}
