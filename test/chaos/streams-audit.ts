// What was heard of streams against what was paid for them: every byte that came was the right one, what looked complete was, and what was
// heard of a stream that broke is paid, piece by piece, and no more.
import { sql } from 'kysely'
import type { Blobs } from '../../src/storage/blobs.ts'
import type { Database } from '../../src/storage/postgres.ts'
import { nameSound, type Order, type Sound } from './orders.ts'

const BYTES_PER_SAMPLE = 2

interface StreamedJob {
  readonly id: string
  readonly state: string
  readonly hold: number
  readonly outputKey: string | null
  /** Of a completed one: how many its text has. */
  readonly cut: number | null
  /** Indexes in the ledger. */
  readonly paid: readonly number[]
  readonly paidMicro: number
  /** Of the pieces that are kept. */
  readonly made: readonly number[]
  readonly samples: number
}

/** One sentence per violation. */
export async function auditStreams(db: Database, blobs: Blobs, orders: readonly Order[]): Promise<string[]> {
  const jobs = await findStreams(db)
  const streams = orders.filter(({ api }) => api === 'stream')
  return [
    ...[...jobs.values()].flatMap(findUnpaid),
    ...(await findFalseEnds(blobs, streams, jobs)),
    ...findForks(streams),
  ]
}

async function findStreams(db: Database): Promise<ReadonlyMap<string, StreamedJob>> {
  const { rows } = await sql<StreamedJob>`
    select
      id, state, hold_micro as hold, output_blob_key as "outputKey", jsonb_array_length(result->'pieceSeconds') as cut,
      paid.*, made.*
    from jobs cross join lateral (
      select coalesce(json_agg(piece order by piece), '[]') as paid, -coalesce(sum(amount_micro), 0)::bigint as "paidMicro"
      from ledger where job_id = jobs.id and kind = 'charge'
    ) as paid cross join lateral (
      select coalesce(json_agg(distinct index order by index), '[]') as made, coalesce(sum(samples), 0)::int as samples
      from job_pieces where job_id = jobs.id
    ) as made
    where stream
  `.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}

/** Pieces of streams that broke are swept away after ten minutes; then the ledger alone knows of them. */
function findUnpaid({ id, state, hold, cut, paid, paidMicro, made }: StreamedJob): string[] {
  const wrong: string[] = []
  const isKept = state === 'completed' || made.length > 0
  if (isKept && `${paid}` !== `${made}`) wrong.push(`has paid for the pieces [${paid}] and made [${made}]`)
  if (paidMicro > hold) wrong.push(`has paid ${paidMicro} of ${hold}`)
  if (state === 'completed' && paidMicro !== hold) wrong.push(`is completed and has paid ${paidMicro} of ${hold}`)
  if (state === 'completed' && made.length !== cut) wrong.push(`is completed with ${made.length} of ${cut} pieces`)
  return wrong.map((what) => `stream ${id} (${state}) ${what}`)
}

async function findFalseEnds(
  blobs: Blobs,
  orders: readonly Order[],
  jobs: ReadonlyMap<string, StreamedJob>,
): Promise<string[]> {
  const violations: string[] = []
  for (const { key, format, sounds } of orders) {
    for (const { requestId, bytes, whole } of sounds) {
      const complain = (what: string) => violations.push(`order ${key}: stream ${requestId} ${what}`)
      const job = jobs.get(requestId)
      if (!job) complain('is of no job')
      else if (whole && job.state !== 'completed') complain(`looked complete and is ${job.state}`)
      if (!job || format !== 'wav') continue
      const samples = Math.floor(samplesOf(bytes).length / BYTES_PER_SAMPLE)
      if (job.made.length > 0 && samples > job.samples)
        complain(`was heard beyond what was paid for: ${samples} of ${job.samples}`)
      if (!whole || job.outputKey === null) continue
      const stored = samplesOf(Buffer.from((await blobs.read(job.outputKey)) ?? []))
      if (!stored.equals(samplesOf(bytes))) complain(`was heard as ${samples} samples, which are not those of its file`)
    }
  }
  return violations
}

/** Equal streams have equal bytes, as far as each of them came. */
function findForks(orders: readonly Order[]): string[] {
  const byName = new Map<string, Sound[]>()
  for (const order of orders) byName.set(nameSound(order), [...(byName.get(nameSound(order)) ?? []), ...order.sounds])
  const violations: string[] = []
  for (const [name, sounds] of byName) {
    const [longest, ...others] = sounds.toSorted((a, b) => b.bytes.length - a.bytes.length)
    if (!longest) continue
    for (const { requestId, bytes, whole } of others) {
      const fork = findFork(longest.bytes, bytes)
      if (fork < bytes.length)
        violations.push(`stream ${requestId} is another from byte ${fork} on than ${longest.requestId}: ${name}`)
      else if (whole && bytes.length < longest.bytes.length)
        violations.push(
          `stream ${requestId} looked complete after ${bytes.length} of ${longest.bytes.length} bytes: ${name}`,
        )
    }
  }
  return violations
}

/** The first byte that differs, or the length of the shorter. */
function findFork(longer: Buffer, shorter: Buffer): number {
  if (longer.subarray(0, shorter.length).equals(shorter)) return shorter.length
  return shorter.findIndex((byte, at) => byte !== longer[at])
}

/** The samples of a WAV file of ours, however much of it there is: what follows the chunk `data` and its size. */
export function samplesOf(wav: Buffer): Buffer {
  const at = wav.indexOf('data')
  return at < 0 ? Buffer.alloc(0) : wav.subarray(at + 8)
}
