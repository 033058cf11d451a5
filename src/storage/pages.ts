// Lists by age, page by page. Knows no table: each has a created_at and an id.
import { type SelectQueryBuilder, sql } from 'kysely'

/** The place of a row in such a list: microseconds since 1970, and its id. */
export interface Place {
  readonly createdUs: number
  readonly id: string
}

export interface Page {
  /** Rows at most. */
  readonly limit: number
  /** The last row of the page before. */
  readonly after?: Place | undefined
}

/** To be selected with the rows, as `createdUs`. Dates of JavaScript have milliseconds alone, and would repeat rows. */
export const createdUs = sql<number>`(extract(epoch from created_at) * 1000000)::bigint`

const place = ({ createdUs, id }: Place) =>
  sql`(timestamptz 'epoch' + ${createdUs}::float8 * interval '1 microsecond', ${id})`

/** The rows behind a place in a list from the oldest to the newest. */
export const isNewer = (than: Place) => sql<boolean>`(created_at, id) > ${place(than)}`

/** The same in a list from the newest to the oldest. */
export const isOlder = (than: Place) => sql<boolean>`(created_at, id) < ${place(than)}`

/** Of `limit + 1` rows asked for: those of the page, and where the next one begins; undefined: this was the last. */
export function cutPage<Row extends Place>(
  rows: readonly Row[],
  limit: number,
): { readonly rows: Omit<Row, 'createdUs'>[]; readonly next: Place | undefined } {
  const shown = rows.slice(0, limit)
  const last = rows.length > limit ? shown.at(-1) : undefined
  return {
    rows: shown.map(({ createdUs: _, ...row }) => row),
    next: last && { createdUs: last.createdUs, id: last.id },
  }
}

/** A page of the rows of a query, the oldest first. Pages neither repeat nor leave out a row: new ones come behind the last. */
export async function readOldestFirst<Tables, Table extends keyof Tables, Row extends { readonly id: string }>(
  query: SelectQueryBuilder<Tables, Table, Row>,
  { limit, after }: Page,
): Promise<{ readonly rows: Row[]; readonly next: Place | undefined }> {
  const rows = await query
    .select(createdUs.as('createdUs'))
    .$if(after !== undefined, (all) => (after ? all.where(isNewer(after)) : all))
    .orderBy(sql`created_at`)
    .orderBy(sql`id`)
    .limit(limit + 1)
    .execute()
  return cutPage(rows as (Row & Place)[], limit) as { rows: Row[]; next: Place | undefined }
}

// What is read of the database at a time by whoever wants all.
const ROWS_AT_A_TIME = 1000

/** All rows, page after page. */
export async function followPages<Row>(
  read: (page: Page) => Promise<{ readonly rows: readonly Row[]; readonly next: Place | undefined }>,
): Promise<Row[]> {
  const all: Row[] = []
  for (let after: Place | undefined; ; ) {
    const { rows, next } = await read({ limit: ROWS_AT_A_TIME, after })
    all.push(...rows)
    if (!next) return all
    after = next
  }
}
