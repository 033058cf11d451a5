// How far a request is, as it goes: its state, its pieces in order, its end. Woken by notifications, kept honest by looking again. Reads no audio
// and knows no HTTP.
import { findJob, type Job } from '../jobs/job.ts'
import { findPieces } from '../jobs/pieces.ts'
import { countJobsAhead } from '../jobs/queue.ts'
import type { JobSignals } from '../jobs/signals.ts'
import type { Database } from '../storage/postgres.ts'
import { abortTogether } from './abort-together.ts'
import { cutOf, durationsOf } from './known-pieces.ts'
import { hasEnded } from './wait-for-job.ts'

const LOOK_AGAIN_MS = 1000
/** Counting stops here, as in polls. */
const FARTHEST = 1000

interface StatusProgress {
  readonly kind: 'status'
  readonly state: Job['state']
  readonly queuePosition: number | undefined
}

interface PieceProgress {
  readonly kind: 'piece'
  readonly index: number
  /** How many there are. */
  readonly pieces: number
  readonly startSeconds: number
  readonly durationSeconds: number
}

export type Progress =
  | StatusProgress
  | PieceProgress
  /** The last. */
  | { readonly kind: 'done'; readonly job: Job | undefined }
  /** Nothing has happened for a while. */
  | { readonly kind: 'silence' }

export interface ProgressWish {
  /** As it was found. */
  readonly job: Job
  /** The first piece to tell of. */
  readonly fromIndex: number
  /** After so long without anything else, a silence. */
  readonly silenceMs: number
}

/** Throws the signal's reason when it is aborted, and AppError `unavailable` when the database stays away. */
export async function* followProgress(
  { db, signals }: { readonly db: Database; readonly signals: JobSignals },
  { job: found, fromIndex, silenceMs }: ProgressWish,
  signal: AbortSignal,
): AsyncGenerator<Progress, void, void> {
  const { id, accountId } = found
  const pieces = cutOf(found)?.length ?? 0
  let next = { index: 0, startSeconds: 0 }
  let told = ''
  let toldAtMs = performance.now()
  for (;;) {
    signal.throwIfAborted()
    const decided = new AbortController()
    using listening = abortTogether(signal, decided.signal)
    // Listening comes before looking, the job before its pieces: what happens in between is not missed.
    const changed = signals.waitForChange(id, listening.signal, LOOK_AGAIN_MS)
    try {
      const job = await findJob(db, accountId, id)
      const isOver = !job || hasEnded(job)
      const status = job && (await describeState(db, job))
      const news = [...(await findNextPieces(db, job, next, pieces))]
      if (status && JSON.stringify(status) !== told) yield status
      for (const piece of news) if (piece.index >= fromIndex) yield piece
      const last = news.at(-1)
      if (last) next = { index: last.index + 1, startSeconds: last.startSeconds + last.durationSeconds }
      if (isOver) return yield { kind: 'done', job }
      if (last || JSON.stringify(status) !== told) toldAtMs = performance.now()
      told = JSON.stringify(status)
      if (performance.now() - toldAtMs >= silenceMs) {
        yield { kind: 'silence' }
        toldAtMs = performance.now()
      }
      await changed
    } finally {
      decided.abort()
    }
  }
}

async function describeState(db: Database, { id, state }: Job): Promise<StatusProgress> {
  const queuePosition = state === 'queued' ? await countJobsAhead(db, id, FARTHEST) : undefined
  return { kind: 'status', state, queuePosition }
}

/** From `next` on, up to the first that is not spoken yet: only then it is known when they begin. */
async function findNextPieces(
  db: Database,
  job: Job | undefined,
  next: { readonly index: number; readonly startSeconds: number },
  pieces: number,
): Promise<PieceProgress[]> {
  if (!job || next.index >= pieces) return []
  const seconds = durationsOf(await findPieces(db, job.id, next.index), job)
  const news: PieceProgress[] = []
  let { index, startSeconds } = next
  for (let durationSeconds = seconds(index); durationSeconds !== undefined; durationSeconds = seconds(++index)) {
    news.push({ kind: 'piece', index, pieces, startSeconds, durationSeconds })
    startSeconds += durationSeconds
  }
  return news
}
