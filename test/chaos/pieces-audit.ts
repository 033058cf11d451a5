// The pieces that are kept with long texts, and those that one request has from another: all there, shared as they should be, and heard where they
// belong.
import { sql } from 'kysely'
import type { Database } from '../../src/storage/postgres.ts'
import type { Order, Sound } from './orders.ts'
import { samplesOf } from './streams-audit.ts'

const BYTES_PER_SAMPLE = 2

interface KeptPieces {
  readonly id: string
  readonly cut: number
  readonly voiceKey: string | null
  readonly derivedFrom: string | null
  readonly pieces: readonly { readonly index: number; readonly blobKey: string; readonly samples: number }[]
}

/** One sentence per violation. */
export async function auditPieces(db: Database, orders: readonly Order[]): Promise<string[]> {
  const jobs = await findKept(db)
  const changes = orders.filter(({ changes }) => changes !== undefined)
  return [
    ...[...jobs.values()].flatMap(findMissing),
    ...changes.flatMap((order) =>
      [...new Set(order.receipts.map(({ requestId }) => requestId))].flatMap((id) =>
        compare(order, jobs.get(order.changes?.requestId ?? ''), jobs.get(id)).map((what) => `request ${id} ${what}`),
      ),
    ),
  ]
}

async function findKept(db: Database): Promise<ReadonlyMap<string, KeptPieces>> {
  const { rows } = await sql<KeptPieces>`
    select
      id, jsonb_array_length(result->'pieceSeconds') as cut, voice_blob_key as "voiceKey", request->>'derivedFrom' as "derivedFrom",
      (
        select coalesce(json_agg(json_build_object('index', index, 'blobKey', keys, 'samples', samples) order by index), '[]')
        from (
          select index, string_agg(blob_key, ' ' order by part) as keys, sum(samples) as samples
          from job_pieces where job_id = jobs.id group by index
        ) as whole
      ) as pieces
    from jobs where mode = 'async' and state = 'completed' and jsonb_array_length(result->'pieceSeconds') > 1
  `.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}

function findMissing({ id, cut, voiceKey, pieces }: KeptPieces): string[] {
  const wrong: string[] = []
  if (pieces.length !== cut) wrong.push(`keeps ${pieces.length} of ${cut} pieces`)
  if (voiceKey === null) wrong.push('does not keep its voice')
  return wrong.map((what) => `request ${id} ${what}`)
}

/** `made` is `source` but for one piece: in the blobs that it names, and in what was heard. */
function compare(order: Order, source: KeptPieces | undefined, made: KeptPieces | undefined): string[] {
  const { changes } = order
  if (!changes || !source || !made) return ['changes a piece of nothing that is kept']
  const wrong: string[] = []
  if (made.derivedFrom !== source.id) wrong.push(`was made of ${made.derivedFrom} in place of ${source.id}`)
  if (made.voiceKey !== source.voiceKey) wrong.push('has a voice of its own')
  for (const { index, blobKey } of source.pieces) {
    const isShared = made.pieces[index]?.blobKey === blobKey
    if (isShared !== (index !== changes.index)) wrong.push(`${isShared ? 'shares' : 'has of its own'} piece ${index}`)
  }
  const before = findSound(changes.order.sounds, source.id)
  const after = findSound(order.sounds, made.id)
  if (!before || !after) return [...wrong, 'was heard by nobody']
  const expectEqual = order.seed === changes.order.seed
  source.pieces.forEach(({ index }) => {
    const isEqual = cut(before, source, index).equals(cut(after, made, index))
    if (isEqual !== (index !== changes.index || expectEqual))
      wrong.push(
        `sounds ${isEqual ? 'the same' : 'other'} in piece ${index}, of which ${changes.index} was to be changed`,
      )
  })
  return wrong
}

const findSound = (sounds: readonly Sound[], id: string): Buffer | undefined => {
  const sound = sounds.find(({ requestId }) => requestId === id)
  return sound && samplesOf(sound.bytes)
}

function cut(samples: Buffer, { pieces }: KeptPieces, index: number): Buffer {
  const start = pieces.slice(0, index).reduce((sum, piece) => sum + piece.samples, 0)
  return samples.subarray(start * BYTES_PER_SAMPLE, (start + (pieces[index]?.samples ?? 0)) * BYTES_PER_SAMPLE)
}
