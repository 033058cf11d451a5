// Every number the server exports, in Prometheus' terms; the only door to prom-client. docs/operations counts on these names.
import { setTimeout as sleep } from 'node:timers/promises'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** One registry per composed server, so that tests can run several in a process. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  return {
    registry,
    requests: new Counter({
      name: 'chatterbox_requests_total',
      help: 'HTTP requests by route, status and error code',
      labelNames: ['route', 'status', 'code'],
      registers,
    }),
    timeToFirstByteSeconds: new Histogram({
      name: 'chatterbox_time_to_first_byte_seconds',
      help: 'From the request to the first byte of the answer',
      labelNames: ['route'],
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60],
      registers,
    }),
    engineSeconds: new Counter({
      name: 'chatterbox_engine_seconds_total',
      help: 'Seconds spent in synthesis',
      registers,
    }),
    audioSeconds: new Counter({ name: 'chatterbox_audio_seconds_total', help: 'Seconds of audio made', registers }),
    realTimeFactor: new Histogram({
      name: 'chatterbox_real_time_factor',
      help: 'Engine seconds per second of audio',
      buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    }),
    queueSeconds: new Histogram({
      name: 'chatterbox_queue_seconds',
      help: 'Time a job waited for a worker',
      labelNames: ['mode'],
      buckets: [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800],
      registers,
    }),
    jobs: new Counter({
      name: 'chatterbox_jobs_total',
      help: 'What became of the jobs this worker took: completed, failed, cancelled, retried, yielded, lost',
      labelNames: ['mode', 'outcome'],
      registers,
    }),
    voiceCache: new Counter({
      name: 'chatterbox_voice_cache_total',
      help: 'Look-ups of encoded voices by result',
      labelNames: ['result'],
      registers,
    }),
    engineStarts: new Counter({ name: 'chatterbox_engine_starts_total', help: 'Engine processes started', registers }),
    engineCrashes: new Counter({
      name: 'chatterbox_engine_crashes_total',
      help: 'Engine processes that died',
      registers,
    }),
    webhookAttempts: new Counter({
      name: 'chatterbox_webhook_attempts_total',
      help: 'Attempts to deliver a webhook by outcome: delivered, retry, failed, gone',
      labelNames: ['outcome'],
      registers,
    }),
    webhookAttemptSeconds: new Histogram({
      name: 'chatterbox_webhook_attempt_seconds',
      help: 'Time from the beginning of an attempt to its answer',
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10],
      registers,
    }),
    webhooksPending: new Gauge({
      name: 'chatterbox_webhooks_pending',
      help: 'Deliveries that wait, for their first attempt or for a retry; of the whole database',
      registers,
    }),
    webhookOldestPendingSeconds: new Gauge({
      name: 'chatterbox_webhook_oldest_pending_seconds',
      help: 'Age of the oldest delivery that waits; a receiver that is down makes it grow to a day',
      registers,
    }),
    webhookOverdueSeconds: new Gauge({
      name: 'chatterbox_webhook_overdue_seconds',
      help: 'For how long an attempt has been due and was not begun; grows when gateways do not keep up',
      registers,
    }),
    creditsCharged: new Counter({ name: 'chatterbox_credits_charged_total', help: 'Credits charged', registers }),
  }
}

export type Metrics = ReturnType<typeof createMetrics>

/** What this process has in hand, read when it is asked for. */
export function watchWorker(metrics: Metrics, worker: { readonly running: number }): void {
  new Gauge({
    name: 'chatterbox_worker_jobs_running',
    help: 'Jobs that the worker of this process speaks',
    registers: [metrics.registry],
    collect() {
      this.set(worker.running)
    },
  })
}

interface QueueReading {
  readonly modes: readonly {
    readonly mode: string
    readonly queued: number
    readonly oldestSeconds: number
    readonly delayed: number
    readonly running: number
  }[]
  readonly workers: number
  readonly slots: number
}

// One reading serves all gauges of a scrape.
const READING_IS_FRESH_MS = 1000
// Prometheus gives up after 10 s by default; all other numbers are worth having while the database does not answer.
const READING_TIMEOUT_MS = 2000

/**
 * Gauges of the queue, read when they are asked for. All servers on a database report the same: use max(), not sum(). While `read` fails or
 * takes longer than 2 s, they are absent.
 */
export function watchQueue(metrics: Metrics, read: () => Promise<QueueReading>): void {
  let reading: Promise<QueueReading | undefined> = Promise.resolve(undefined)
  let readAt = Number.NEGATIVE_INFINITY
  const readOnce = () => {
    if (performance.now() - readAt < READING_IS_FRESH_MS) return reading
    readAt = performance.now()
    const timeout = sleep(READING_TIMEOUT_MS, undefined, { ref: false })
    reading = Promise.race([read().catch(() => undefined), timeout])
    return reading
  }
  const gauge = (name: string, help: string, value: (reading: QueueReading) => number) =>
    new Gauge({
      name,
      help,
      registers: [metrics.registry],
      async collect() {
        const found = await readOnce()
        if (found) this.set(value(found))
        else this.remove()
      },
    })
  const gaugeByMode = (name: string, help: string, value: (mode: QueueReading['modes'][number]) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['mode'],
      registers: [metrics.registry],
      async collect() {
        this.reset()
        for (const mode of (await readOnce())?.modes ?? []) this.set({ mode: mode.mode }, value(mode))
      },
    })
  gaugeByMode('chatterbox_queue_jobs', 'Jobs that a free worker would take now, 10,000 at most', ({ queued }) => queued)
  gaugeByMode('chatterbox_queue_oldest_seconds', 'How long the oldest of them has waited', (mode) => mode.oldestSeconds)
  gaugeByMode('chatterbox_queue_delayed_jobs', 'Jobs that wait for their next attempt', ({ delayed }) => delayed)
  gaugeByMode('chatterbox_jobs_running', 'Jobs that a worker is speaking', ({ running }) => running)
  gauge('chatterbox_workers', 'Workers seen in the last 30 seconds', ({ workers }) => workers)
  gauge('chatterbox_worker_slots', 'Jobs that these workers can speak at the same time', ({ slots }) => slots)
}
