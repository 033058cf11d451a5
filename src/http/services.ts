// What the HTTP room is given to work with. main.ts builds it; tests build it over a scratch database.
import type { Config } from '../config.ts'
import type { JobSignals } from '../jobs/signals.ts'
import type { SeenWorker } from '../jobs/workers.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import type { ReferenceDeps } from '../synthesis/reference-audio.ts'
import type { Requests } from '../synthesis/requests.ts'
import type { Speaker, SpeechFacts } from '../synthesis/speech.ts'

export interface Health {
  /**
   * Fires when the server is asked to stop: from then on new requests are sent elsewhere, polls that wait are answered as things are, and
   * what is in flight is finished.
   */
  readonly draining: AbortSignal
  /** The workers that live. Never rejects; undefined: the database does not answer, or takes too long. */
  findWorkers(): Promise<readonly Pick<SeenWorker, 'model'>[] | undefined>
}

export interface Services {
  readonly config: Config
  readonly log: Log
  readonly metrics: Metrics
  readonly db: Database
  readonly blobs: Blobs
  readonly signals: JobSignals
  readonly speaker: Speaker
  readonly requests: Requests
  /** How the recordings of new voices are had. */
  readonly references: ReferenceDeps
  /** Why a URL cannot be called as a webhook, as a sentence; undefined: it can, as far as its text tells. */
  webhookUrlProblem(url: string): string | undefined
  /** Deliveries are due that nobody has seen yet. */
  wakeDeliverer(): void
  readonly health: Health
  /** Which engine answers, for the pages: nobody may take the preview for Chatterbox. Never rejects. */
  findModel(): Promise<SpeechFacts['model']>
}
